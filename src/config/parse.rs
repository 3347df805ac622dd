//! Reading `firedrill.toml`.

use super::{
    Config, Notify, Occasion, Production, Scratch, Secret, Serve, Tools,
    narrow::tidy,
    places::{file, overlaps, production, scratch},
    servers::tools,
};
use crate::{
    document::{
        self, Faults,
        read::{Context, Reader},
        words,
    },
    playbook::{secrets, values},
};
use serde_json::json;
use std::{
    net::{Ipv4Addr, SocketAddr, SocketAddrV4},
    path::Path,
};

impl Config {
    /// Reads the configuration; without a file, the only scratch place is `scratch` below `data_dir`.
    pub fn load(file: Option<&Path>, data_dir: &Path) -> Result<Config, Faults> {
        let Some(file) = file else { return Ok(Self::without_file(data_dir)) };
        let unreadable = |error: std::io::Error| {
            Faults::unreadable(
                file,
                format!("the file can't be read: {error}"),
                "give the path of firedrill.toml",
            )
        };
        let size = std::fs::metadata(file).map_err(unreadable)?.len();
        if size > document::MAX_BYTES as u64 {
            let message =
                format!("the file has {size} bytes; a configuration has at most {}", document::MAX_BYTES);
            return Err(Faults::unreadable(file, message, "is this the right file?"));
        }
        let bytes = std::fs::read(file).map_err(unreadable)?;
        Self::parse(file, document::text_of(file, &bytes).map_err(|faults| *faults)?, data_dir)
    }

    /// What holds where there is no file.
    pub fn without_file(data_dir: &Path) -> Config {
        Config {
            file: None,
            playbooks: Vec::new(),
            scratch: Scratch { folders: vec![tidy(&data_dir.join("scratch"))], ..Scratch::default() },
            production: Production::default(),
            commands: None,
            tools: Tools::default(),
            serve: Serve::default(),
            notify: Vec::new(),
        }
    }

    /// Reads and checks a configuration. Where it lists no scratch folder, the one below `data_dir` is taken.
    pub fn parse(file: &Path, text: &str, data_dir: &Path) -> Result<Config, Faults> {
        let mut cx = Context::new(Faults::new(file, text));
        let Some(root) = document::parse_toml(text, &mut cx.faults) else { return Err(cx.faults) };
        let config = cx.read(&root, config);
        match config {
            Some(mut config) if !cx.faults.has_errors() => {
                let folder = file.parent().unwrap_or(Path::new(""));
                config.file = Some(file.to_owned());
                config.playbooks = config.playbooks.iter().map(|path| folder.join(path)).collect();
                if config.scratch.folders.is_empty() {
                    config.scratch.folders = Self::without_file(data_dir).scratch.folders;
                }
                Ok(config)
            }
            _ => Err(cx.faults),
        }
    }
}

impl Default for Serve {
    fn default() -> Self {
        Self { listen: SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 8080)), token: None }
    }
}

fn config(r: &mut Reader<'_>) -> Option<Config> {
    r.fields("the configuration", |m| {
        let playbooks = m.opt("playbooks", "Files and folders of playbooks.", |r| r.list(0, values::path));
        let scratch = m.opt("scratch", "The only places where anything may be created or deleted.", scratch);
        let production = m.opt("production", "Never, even if listed above by mistake.", production);
        let commands = m.opt("commands", "What playbooks may run.", |r| {
            r.fields("`commands`", |m| {
                m.need("allowed", "Globs of programs; anything where `commands` is left out.", |r| {
                    r.list(0, program_glob)
                })
            })
        });
        let tools = m.opt("tools", "Where the programs of the databases are.", tools);
        let serve = m.opt("serve", "The service.", serve);
        let notify = m.opt("notify", "Whom to tell of what.", |r| r.list(0, notify));
        let (scratch, production) = (scratch.unwrap_or_default(), production.unwrap_or_default());
        overlaps(m, &scratch, &production);
        Some(Config {
            file: None,
            playbooks: playbooks.unwrap_or_default(),
            scratch: scratch.plain(),
            production: production.plain(),
            commands,
            tools: tools.unwrap_or_default(),
            serve: serve.unwrap_or_default(),
            notify: notify.unwrap_or_default(),
        })
    })
}

fn program_glob(r: &mut Reader<'_>) -> Option<glob::Pattern> {
    r.parsed(json!({ "type": "string" }), "a program or a glob", |text| {
        let pattern = glob::Pattern::new(text).map_err(|error| {
            (format!("this glob is wrong: {}", error.msg), "use `*`, `?` and [a-z]".to_owned())
        })?;
        match text.starts_with('/') {
            true => Ok(pattern),
            false => Err((
                format!("{} is not an absolute path", words::quoted(text)),
                "begin it with `/`, such as /usr/bin/restic or /usr/bin/*".to_owned(),
            )),
        }
    })
}

fn serve(r: &mut Reader<'_>) -> Option<Serve> {
    r.fields("`serve`", |m| {
        let listen = m.opt("listen", "An address and port; 127.0.0.1:8080 where left out.", |r| {
            r.parsed(json!({ "type": "string" }), "an address and port", |text| {
                text.parse::<SocketAddr>().map_err(|_| {
                    let help = match text.strip_prefix("localhost:") {
                        Some(port) => format!("did you mean `127.0.0.1:{}`?", words::short(port)),
                        None => "write it as 127.0.0.1:8080 or [::1]:8080".to_owned(),
                    };
                    (format!("{} is not an address and port", words::quoted(text)), help)
                })
            })
        });
        let token = m.opt("token", "What callers must show: { env: NAME } or { file: PATH }.", secret);
        let listen = listen.unwrap_or(Serve::default().listen);
        if !listen.ip().is_loopback() && !m.has("token") {
            m.error(
                "listen",
                format!("{listen} can be reached from other machines, and no token is asked for"),
                "add token = { env = \"FIREDRILL_TOKEN\" }, or listen on 127.0.0.1",
            );
        }
        Some(Serve { listen, token })
    })
}

/// A secret that is written where it should be said whence it comes. It is not shown.
pub(super) fn written_secret<T>(r: &mut Reader<'_>) -> Option<T> {
    r.hide();
    r.error("a secret must not be written into a file", "write { env = \"NAME\" } or { file = \"/path\" }");
    None
}

fn secret(r: &mut Reader<'_>) -> Option<Secret> {
    if !r.is_map() {
        return written_secret(r);
    }
    r.fields("the source of a secret", |m| {
        m.one_of(&[
            ("env", "An environment variable.", |r| secrets::variable(r).map(Secret::Env)),
            ("file", "A file that holds it, absolute.", |r| file(r).map(Secret::File)),
        ])
    })
}

fn notify(r: &mut Reader<'_>) -> Option<Notify> {
    r.fields("a notification", |m| {
        m.need("webhook", "A URL to post to, and on what.", |r| {
            r.fields("a webhook", |m| {
                let url = m.one_of(&[
                    ("url_env", "The environment variable that holds the URL.", |r| {
                        secrets::variable(r).map(Secret::Env)
                    }),
                    ("url_file", "The file that holds the URL, absolute.", |r| file(r).map(Secret::File)),
                    // Known, so that its own message is given rather than that it is unknown.
                    ("url", "Refused: it is a secret.", written_url),
                ]);
                let on = m.need("on", "On what.", |r| r.list(1, occasion));
                Some(Notify { url: url?, on: on? })
            })
        })
    })
}

fn written_url(r: &mut Reader<'_>) -> Option<Secret> {
    r.hide();
    r.error(
        "the URL of a webhook is a secret, and must not be written into a file",
        "write url_env = \"NAME\" or url_file = \"/path\"",
    );
    None
}

fn occasion(r: &mut Reader<'_>) -> Option<Occasion> {
    r.word(&[
        ("passed", Occasion::Passed),
        ("objective_missed", Occasion::ObjectiveMissed),
        ("failed", Occasion::Failed),
        ("refused", Occasion::Refused),
        ("aborted", Occasion::Aborted),
        ("leaked", Occasion::Leaked),
        ("approval_requested", Occasion::ApprovalRequested),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Config, Faults> {
        Config::parse(Path::new("/etc/firedrill.toml"), text, Path::new("/data"))
    }

    #[test]
    fn without_a_file_only_the_own_folder_is_scratch() {
        let config = Config::load(None, Path::new("/data")).expect("no file, no faults");
        assert_eq!(config.scratch_folders(), [Path::new("/data/scratch")]);
        assert!(config.scratch().aws.is_empty() && config.command_allowed("/bin/anything"));
    }

    #[test]
    fn the_example_of_the_contract_is_read() {
        let config = parse(
            r#"
playbooks = ["/etc/firedrill/drills", "more"]
[scratch]
aws = [{ account = "210987654321", regions = ["eu-central-1"] }]
kubernetes = [{ context = "drill", namespaces = ["drill-*"] }]
[production]
aws_accounts = ["123456789012"]
[serve]
listen = "127.0.0.1:8080"
[[notify]]
webhook = { url_env = "SLACK_URL", on = ["failed", "objective_missed", "leaked"] }
"#,
        )
        .expect("no faults");
        assert_eq!(config.scratch().aws[0].account, "210987654321");
        assert_eq!(config.playbooks()[1], Path::new("/etc/more"));
        assert_eq!(config.notify()[0].on.len(), 3);
        assert_eq!(config.scratch_folders(), [Path::new("/data/scratch")]);
    }

    #[test]
    fn only_listed_programs_may_run() {
        let config = parse("[commands]\nallowed = [\"/usr/bin/*\", \"/opt/wal-g\"]\n").expect("no faults");
        assert!(config.command_allowed("/usr/bin/env") && config.command_allowed("/opt/wal-g"));
        for program in
            ["/usr/bin/x/y", "/usr/bin/../../tmp/x", "/tmp/x", "./x", "no-such-program-anywhere", ""]
        {
            assert!(!config.command_allowed(program), "{program}");
        }
    }
}
