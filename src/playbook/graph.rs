//! What is between the steps: needs, circles, references, and whether anything is proven at all.

use super::{
    checks::{CHECK_NAME, DATABASE},
    model::Action,
    steps::Draft,
    subjects,
    template::{Reference, Template},
    values::{SQL, TEXT},
};
use crate::document::{
    Faults, Severity, Span,
    read::{At, Context},
    words,
};
use crate::ids::StepId;
use std::collections::BTreeMap;

/// More steps than a person can oversee are a mistake.
const MAX_STEPS: usize = 500;

/// The steps of a playbook with what each needs, directly and through others.
pub(super) struct Graph<'a> {
    steps: &'a [Draft],
    by_name: BTreeMap<&'a str, usize>,
    /// The needs of each that exist.
    needs: Vec<Vec<usize>>,
    /// All that each needs, directly or not.
    upstream: Vec<Vec<bool>>,
    /// Whether something that each needs, directly or not, may be missing from the above.
    vague: Vec<bool>,
}

impl<'a> Graph<'a> {
    /// Looks at all of it; notes every fault. Gives the order to run in, or none if there is no such order.
    pub(super) fn check(steps: &'a [Draft], cx: &mut Context) -> Option<Vec<usize>> {
        let faults = &mut cx.faults;
        if let Some(beyond) = steps.get(MAX_STEPS) {
            faults.error(beyond.span, format!("more than {MAX_STEPS} steps"), Some("split the playbook"));
            return None;
        }
        let mut graph = Self {
            steps,
            by_name: BTreeMap::new(),
            needs: Vec::new(),
            upstream: Vec::new(),
            vague: Vec::new(),
        };
        graph.name(faults);
        graph.link(faults);
        let circles = graph.circles(faults);
        graph.reach();
        for (i, step) in steps.iter().enumerate() {
            graph.verified(i, step, faults);
            graph.references(i, step, faults);
            check_names(step, faults);
        }
        graph.proof(faults);
        if circles { None } else { graph.order() }
    }

    fn name(&mut self, faults: &mut Faults) {
        for (i, step) in self.steps.iter().enumerate() {
            let Some(id) = &step.id else { continue };
            if let Some(first) = self.by_name.get(id.value.as_str()) {
                let line = faults.place(self.steps[*first].span.start).line;
                let message = format!("two steps are named `{}`; the first is on line {line}", id.value);
                faults.error(id.span, message, Some("give each step a name of its own"));
            } else {
                self.by_name.insert(id.value.as_str(), i);
            }
        }
    }

    fn find(&self, id: &StepId) -> Option<usize> {
        self.by_name.get(id.as_str()).copied()
    }

    fn names(&self) -> impl Iterator<Item = &'a str> + Clone + use<'a, '_> {
        self.by_name.keys().copied()
    }

    fn unknown(&self, id: &At<StepId>, but: usize, faults: &mut Faults) {
        let own = self.steps[but].name();
        let others: Vec<&str> = self.names().filter(|name| *name != own).collect();
        let help = if others.len() > 8 && words::nearest(id.value.as_str(), others.iter().copied()).is_none()
        {
            "name a step of this playbook by its `id`".to_owned()
        } else {
            words::suggest(id.value.as_str(), others.iter().copied())
        };
        faults.error(id.span, format!("there is no step `{}`", id.value), Some(&help));
    }

    fn link(&mut self, faults: &mut Faults) {
        for (i, step) in self.steps.iter().enumerate() {
            let mut needs = Vec::new();
            for need in &step.needs {
                match self.find(&need.value) {
                    None => self.unknown(need, i, faults),
                    Some(j) if j == i => {
                        faults.error(need.span, "a step can't need itself", Some("take it out of `needs`"));
                    }
                    Some(j) if needs.contains(&j) => {
                        let message = format!("`{}` comes twice", need.value);
                        faults.error(need.span, message, Some("name each need once"));
                    }
                    Some(j) => needs.push(j),
                }
            }
            self.needs.push(needs);
        }
    }

    /// Notes every circle in full; whether there is one.
    fn circles(&self, faults: &mut Faults) -> bool {
        let mut done = vec![false; self.steps.len()];
        let mut any = false;
        for start in 0..self.steps.len() {
            let mut path = Vec::new();
            any |= self.walk(start, &mut path, &mut done, faults);
        }
        any
    }

    fn walk(&self, at: usize, path: &mut Vec<usize>, done: &mut [bool], faults: &mut Faults) -> bool {
        if done[at] {
            return false;
        }
        path.push(at);
        let mut any = false;
        for &need in &self.needs[at] {
            let Some(begin) = path.iter().position(|step| *step == need) else {
                any |= self.walk(need, path, done, faults);
                continue;
            };
            any = true;
            let circle: Vec<&str> =
                path[begin..].iter().chain([&need]).map(|step| self.steps[*step].name()).collect();
            let span = self.need_span(at, need);
            let message = format!("these steps wait for each other: {}", circle.join(" -> "));
            faults.error(span, message, Some("take one of these needs out"));
        }
        path.pop();
        done[at] = true;
        any
    }

    fn need_span(&self, step: usize, need: usize) -> Span {
        let name = self.steps[need].name();
        let written = self.steps[step].needs.iter().find(|id| id.value.as_str() == name);
        written.map_or(self.steps[step].span, |id| id.span)
    }

    fn reach(&mut self) {
        for start in 0..self.steps.len() {
            let mut seen = vec![false; self.steps.len()];
            let mut todo = self.needs[start].clone();
            while let Some(step) = todo.pop() {
                if !std::mem::replace(&mut seen[step], true) {
                    todo.extend(&self.needs[step]);
                }
            }
            self.upstream.push(seen);
        }
        // What was noted at a need is not noted again at all that follows from it.
        let own = |i: usize| {
            let step = &self.steps[i];
            step.vague || step.needs.iter().any(|need| self.find(&need.value).is_none())
        };
        let reaches = |i: usize| (0..self.steps.len()).any(|j| self.upstream[i][j] && own(j));
        self.vague = (0..self.steps.len()).map(|i| own(i) || reaches(i)).collect();
    }

    /// Each step after all that it needs, otherwise as written.
    fn order(&self) -> Option<Vec<usize>> {
        let mut order: Vec<usize> = Vec::with_capacity(self.steps.len());
        let mut placed = vec![false; self.steps.len()];
        while order.len() < self.steps.len() {
            let ready = |i: &usize| !placed[*i] && self.needs[*i].iter().all(|need| placed[*need]);
            let next = (0..self.steps.len()).find(ready)?;
            placed[next] = true;
            order.push(next);
        }
        Some(order)
    }

    /// A verify step looks at something that was restored.
    fn verified(&self, i: usize, step: &Draft, faults: &mut Faults) {
        if step.word != Some("verify") {
            return;
        }
        for note in step.notes.iter().filter(|note| note.what == DATABASE) {
            let Ok(id) = note.text.parse::<StepId>() else { continue };
            let id = At { value: id, span: note.span };
            match self.find(&id.value) {
                None => self.unknown(&id, i, faults),
                Some(j) if self.steps[j].word.is_some_and(|word| word != "restore") => {
                    let restores =
                        self.names().filter(|n| self.steps[self.by_name[n]].word == Some("restore"));
                    let word = self.steps[j].word.unwrap_or_default();
                    let message = format!("`{}` is a `{word}` step, not a restore", id.value);
                    faults.error(id.span, message, Some(&words::suggest("", restores)));
                }
                Some(j) => {
                    if !self.upstream[i][j] && !self.vague[i] {
                        let help = format!("add `{}` to the `needs` of `{}`", id.value, step.name());
                        let message = format!("`{}` is looked at, but not needed", id.value);
                        faults.error(id.span, message, Some(&help));
                    }
                    subjects::fits(step, &self.steps[j], faults);
                }
            }
        }
        let looks_at_database = step.notes.iter().any(|note| note.what == DATABASE);
        let restores = |j: usize| self.steps[j].word.is_none_or(|word| word == "restore");
        let any = (0..self.steps.len()).any(|j| self.upstream[i][j] && restores(j));
        if !any && !looks_at_database && !self.vague[i] {
            let message = format!("`{}` verifies, but needs no restore", step.name());
            let help = "add `needs:` with the restore step whose data it proves";
            faults.error(step.span, message, Some(help));
        }
    }

    fn references(&self, i: usize, step: &Draft, faults: &mut Faults) {
        for note in step.notes.iter().filter(|note| note.what == TEXT || note.what == SQL) {
            let Ok(template) = Template::parse(&note.text) else { continue };
            for (n, reference) in template.references().enumerate() {
                let span = written(faults, note.span, n);
                match reference {
                    Reference::Output { step: id, key } => {
                        let id = At { value: id.clone(), span };
                        self.output(i, step, &id, key, faults);
                    }
                    Reference::RecoveryPoint(key) => {
                        let known = step.word == Some("restore") || note.what == SQL;
                        if !known {
                            let help = format!("write {{{{ steps.ID.recovery_point.{key} }}}}");
                            let message =
                                "this step looks at no single restore, so its recovery point is not known";
                            faults.error(span, message, Some(&help));
                        }
                    }
                    Reference::Run(_) => {}
                }
            }
        }
    }

    fn output(&self, i: usize, step: &Draft, id: &At<StepId>, key: &str, faults: &mut Faults) {
        let Some(j) = self.find(&id.value) else {
            return self.unknown(id, i, faults);
        };
        if i == j {
            let help = "refer to steps before this one";
            faults.error(id.span, "a step can't refer to what it gives itself", Some(help));
            return;
        }
        if !self.upstream[i][j] && !self.vague[i] {
            let help = format!("add `{}` to the `needs` of `{}`", id.value, step.name());
            let message =
                format!("`{}` is referred to, but not needed: it may not be done by then", id.value);
            faults.error(id.span, message, Some(&help));
        }
        let target = &self.steps[j];
        if matches!(target.word, Some("verify" | "approve")) {
            let message = format!("`{}` gives nothing to refer to", id.value);
            faults.error(id.span, message, Some("refer to a `restore` or `run` step"));
        } else if let Some(given) = subjects::outputs(target.source())
            && !given.contains(&key)
        {
            let message = format!("`{}` gives no {}", id.value, words::quoted(key));
            faults.error(id.span, message, Some(&words::suggest(key, given.iter().copied())));
        }
    }

    /// Whether there is anything that the verdict can rest on.
    fn proof(&self, faults: &mut Faults) {
        // A step that could not be read may be what is missing here.
        let all_known = self.steps.iter().all(|step| step.word.is_some()) && !self.vague.contains(&true);
        let at = self.steps.first().map_or(Span::default(), |step| step.span);
        let is = |step: &Draft, word: &str| step.word == Some(word);
        if !self.steps.iter().any(|step| is(step, "restore")) {
            if all_known && !self.steps.is_empty() {
                let help = "add a step with `restore:`; `firedrill init` writes one to start from";
                faults.error(at, "nothing is restored: this is no drill", Some(help));
            }
            return;
        }
        if all_known && !self.steps.iter().any(proves) {
            let optional = self.steps.iter().any(|step| is(step, "verify") || is(step, "run"));
            let (message, help) = if optional {
                ("no check is required: a drill that proves nothing can't pass", "make one `required: true`")
            } else {
                (
                    "nothing is verified: a drill that proves nothing can't pass",
                    "add a step with `verify:` that needs the restore",
                )
            };
            faults.error(at, message, Some(help));
            return;
        }
        for (i, step) in self.steps.iter().enumerate().filter(|(_, step)| is(step, "restore")) {
            let looked_at = (0..self.steps.len()).any(|j| {
                let looks = self.steps[j].word.is_none_or(|word| word == "verify" || word == "run");
                looks && self.upstream[j][i]
            });
            if !looked_at && all_known {
                let message = format!("nothing looks at what `{}` restores", step.name());
                let help = Some("add a `verify` step that needs it".to_owned());
                faults.push(step.span, Severity::Warning, message, help);
            }
        }
    }
}

/// Whether the verdict rests on it. What could not be read is taken to prove something: it has faults enough.
fn proves(step: &Draft) -> bool {
    match (&step.step, step.word) {
        (Some(step), _) => match &step.action {
            Action::Verify(verify) => step.required && verify.checks.iter().any(|check| check.required),
            Action::Run(_) => step.required,
            Action::Restore(_) | Action::Approve(_) => false,
        },
        (None, word) => matches!(word, Some("verify" | "run")),
    }
}

fn check_names(step: &Draft, faults: &mut Faults) {
    let names: Vec<_> = step.notes.iter().filter(|note| note.what == CHECK_NAME).collect();
    for (i, name) in names.iter().enumerate() {
        if names[..i].iter().any(|earlier| earlier.text == name.text && earlier.span != name.span) {
            let message = format!("two checks are named {}", words::quoted(&name.text));
            faults.error(name.span, message, Some("give each a name of its own: baselines are kept by it"));
        }
    }
}

/// Where the `n`th reference of a text is written; the whole text where it can't be told.
fn written(faults: &Faults, span: Span, n: usize) -> Span {
    let Some(slice) = faults.slice(span) else { return span };
    let Some((start, _)) = slice.match_indices("{{").nth(n) else { return span };
    let end = slice[start..].find("}}").map_or(slice.len(), |i| start + i + 2);
    Span { start: span.start + start, end: span.start + end }
}
