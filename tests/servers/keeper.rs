//! The script that keeps one server, seen from the test process.

use super::{plain, script};
use std::{
    io::{BufRead, BufReader, Write},
    os::unix::process::CommandExt,
    path::Path,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

/// A running `tests/servers/keep`. Dropping it stops the server and removes its folder.
pub struct Keeper {
    child: Child,
    /// Closed by the kernel when this process ends, which is what the script waits for.
    orders: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Keeper {
    /// Starts the script, and no server yet: from now on the folder is removed at the end.
    pub fn start(folder: &Path, log: &Path, gentle: &str, hard: &str, server: &Command) -> Keeper {
        let mut command = plain(script("keep"));
        command.arg(folder).arg(log).args([gentle, hard]).arg(server.get_program()).args(server.get_args());
        // A group of its own: an interrupt from the terminal ends the tests, which ends this in good order.
        command.process_group(0).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().expect("tests/servers/keep runs");
        let orders = child.stdin.take();
        let answers = BufReader::new(child.stdout.take().expect("its standard output"));
        Keeper { child, orders, answers }
    }

    /// Starts the server with one more argument, and tells its process id.
    pub fn run(&mut self, argument: &str) -> u32 {
        self.order(&format!("run {argument}")).parse().expect("a process id")
    }

    /// Stops the server, if it runs, and leaves its data.
    pub fn stop(&mut self) {
        assert_eq!(self.order("stop"), "stopped");
    }

    /// The process id of the script.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    fn order(&mut self, order: &str) -> String {
        let orders = self.orders.as_mut().expect("open until the drop");
        writeln!(orders, "{order}").and_then(|()| orders.flush()).expect("tests/servers/keep still runs");
        let mut answer = String::new();
        self.answers.read_line(&mut answer).expect("an answer");
        answer.trim_end().to_owned()
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.orders = None;
        let _ = self.child.wait();
    }
}
