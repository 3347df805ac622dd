//! What firedrill left behind, on a terminal: for `firedrill sweep`.

use super::{
    escape::one_line,
    terminal::{Ink, Paper, TextStyle},
};
use crate::{
    journal::{Deletion, DeletionRow},
    sweep::{Found, Place, Standing, Thing},
};

/// What was found, or what became of it.
pub fn sweep(found: &Found, style: TextStyle) -> String {
    let mut page = Paper { style: style.bounded(), out: String::new() };
    page.summary(found);
    for place in &found.places {
        page.place(place, found);
    }
    if !found.unclear.is_empty() {
        page.title("KEPT, FOR IT CAN'T BE TOLD WHOSE IT IS", "look at it, and remove it by hand");
        for text in &found.unclear {
            page.marked(2, "?", Ink::Warn, &one_line(text));
        }
    }
    page.out
}

/// What sweeps removed, line by line.
pub fn deletions(rows: &[DeletionRow], style: TextStyle) -> String {
    let mut page = Paper { style: style.bounded(), out: String::new() };
    if rows.is_empty() {
        page.line("no sweep has removed anything");
    }
    for row in rows {
        let what = match &row.deletion {
            Deletion::Intended { claim, because, place, by, tries } => {
                let link = &claim.link;
                let place = place.as_deref().map(|place| format!(" ({place})")).unwrap_or_default();
                format!(
                    "to remove {} {} in {}{place}, try {tries}, for {by}: {because}",
                    link.kind, link.name, link.scope
                )
            }
            Deletion::Accepted { receipts } => format!("removal taken: {}", receipts.join("; ")),
            Deletion::Failed { fault } => format!("removal failed: {fault}"),
            Deletion::Absent { proof } => format!("observed gone: {proof}"),
            Deletion::Left { reason } => format!("MAY BE LEFT BEHIND: {reason}"),
        };
        let text = format!("{}/{}: {what}", row.run.short(), row.claim);
        page.wrapped(&format!("{:>4} {} ", row.seq, row.at.human()), &one_line(&text), Ink::Plain);
    }
    page.out
}

impl Paper {
    fn summary(&mut self, found: &Found) {
        let count = |standing| found.count(standing);
        let parts = [
            (count(Standing::Removed), "removed"),
            (count(Standing::LeftBehind), "left behind"),
            (count(Standing::StillThere), "could not be removed"),
            (count(Standing::Young), "too young to be told"),
            (count(Standing::Doubtful) + found.unclear.len(), "in doubt, kept"),
            (count(Standing::Kept), "of runs that are not over"),
            (
                found.places.iter().filter(|place| place.fault.is_some() || place.passed_over).count(),
                "not looked at",
            ),
        ];
        let said: Vec<String> = parts
            .iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, what)| format!("{count} {what}"))
            .collect();
        let (ink, text) = match (said.is_empty(), found.may_be_left()) {
            (true, _) => (Ink::Good, "nothing is left behind".to_owned()),
            (false, true) => (Ink::Bad, said.join(", ")),
            (false, false) => (Ink::Plain, said.join(", ")),
        };
        self.wrapped("SWEEP  ", &text, ink);
        let looked = found.places.iter().filter(|place| !place.passed_over && place.fault.is_none()).count();
        let places = if looked == 1 { "1 place".to_owned() } else { format!("{looked} places") };
        self.wrapped("       ", &format!("{places} looked at, as of {}", found.at.human()), Ink::Dim);
    }

    fn place(&mut self, place: &Place, found: &Found) {
        let things: Vec<&Thing> =
            found.things.iter().filter(|thing| thing.claim.link.scope == place.scope).collect();
        if things.is_empty() && place.fault.is_none() && !place.passed_over {
            return;
        }
        self.out.push('\n');
        self.wrapped("", &one_line(&place.scope.to_string()), Ink::Bold);
        if let Some(identity) = &place.identity {
            self.wrapped("  ", &format!("says that it is {}", one_line(identity)), Ink::Dim);
        }
        if place.passed_over {
            self.marked(
                2,
                self.style.pick("○", "-"),
                Ink::Dim,
                "not looked at: this build makes nothing there",
            );
        }
        if let Some(fault) = &place.fault {
            self.marked(2, "!", Ink::Bad, &format!("could not be looked at: {}", one_line(&fault.message)));
        }
        for thing in things {
            self.thing(thing);
        }
    }

    fn thing(&mut self, thing: &Thing) {
        let (mark, ink, word) = match thing.standing {
            Standing::Kept => (self.style.pick("·", "-"), Ink::Dim, "kept"),
            Standing::Young => ("?", Ink::Warn, "kept"),
            Standing::Doubtful => ("?", Ink::Warn, "in doubt, kept"),
            Standing::LeftBehind => (self.style.pick("✘", "x"), Ink::Bad, "left behind"),
            Standing::Removed => (self.style.pick("✔", "+"), Ink::Good, "removed"),
            Standing::StillThere => (self.style.pick("✘", "x"), Ink::Bad, "MAY BE STILL THERE"),
        };
        let claim = &thing.claim;
        let head = format!("{} {}", claim.link.kind, claim.link.name);
        self.marked(2, mark, ink, &one_line(&head));
        let age = thing.age.map(|age| format!(", {} old", age.human())).unwrap_or_default();
        let text = format!("run {}{age}, expires {}", claim.run.short(), claim.expires.human());
        self.wrapped("    ", &text, Ink::Dim);
        self.wrapped("    ", &format!("{word}: {}", one_line(&thing.why)), Ink::Plain);
    }
}
