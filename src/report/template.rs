//! Handlebars in strict mode: a name that is not there is an error with its file, line and column.

use super::{
    escape,
    words::{bytes, capital, clock, count},
};
use crate::time::{Period, Timestamp};
use handlebars::{
    Context, Handlebars, Helper, HelperDef, HelperResult, JsonTruthy as _, Output, RenderContext,
    RenderError, RenderErrorReason, Renderable as _, ScopedJson, TemplateErrorReason,
};
use serde::Serialize;
use serde_json::Value;
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

/// Why a report could not be made.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// A template is wrong.
    #[error("template {file}, line {line}, column {column}: {what}")]
    Template {
        /// Its file, or `built-in NAME`.
        file: String,
        /// The line, from 1.
        line: usize,
        /// The column, from 1.
        column: usize,
        /// What is wrong.
        what: String,
    },
    /// Templates include each other without end.
    #[error("templates include each other in a circle: {0}")]
    Circle(String),
    /// The folder of templates or a file in it can't be read.
    #[error("{} can't be read: {source}", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The summary can't be written as JSON.
    #[error("the run can't be written as json: {0}")]
    Json(serde_json::Error),
}

/// Templates by name, each with the file that it came from.
pub(super) struct Templates {
    registry: Handlebars<'static>,
    files: BTreeMap<String, String>,
}

impl Templates {
    /// The built-in ones; those that `folder` holds as `NAME.hbs` stand in for them or are added as partials.
    pub(super) fn load(
        built_in: &[(&str, &str)],
        folder: Option<&Path>,
        escape: fn(&str) -> String,
    ) -> Result<Self, ReportError> {
        let mut texts: BTreeMap<String, (String, String)> = built_in
            .iter()
            .map(|(name, text)| ((*name).to_owned(), (format!("built-in {name}.hbs"), (*text).to_owned())))
            .collect();
        if let Some(folder) = folder {
            texts.extend(read(folder)?);
        }
        circle(&texts)?;
        let mut registry = Handlebars::new();
        registry.set_strict_mode(true);
        registry.register_escape_fn(escape);
        helpers(&mut registry);
        let mut files = BTreeMap::new();
        for (name, (file, text)) in &texts {
            registry.register_template_string(name, text).map_err(|error| {
                let (line, column) = error.pos().unwrap_or((1, 1));
                let what = syntax(error.reason());
                ReportError::Template { file: file.clone(), line, column, what }
            })?;
            files.insert(name.clone(), file.clone());
        }
        Ok(Self { registry, files })
    }

    /// The page that `name` makes of the data.
    pub(super) fn render(&self, name: &str, data: &impl Serialize) -> Result<String, ReportError> {
        self.registry.render(name, data).map_err(|error| {
            let at = error.template_name.clone().unwrap_or_else(|| name.to_owned());
            ReportError::Template {
                file: self.files.get(&at).cloned().unwrap_or(at),
                line: error.line_no.unwrap_or(1),
                column: error.column_no.unwrap_or(1),
                what: reason(&error),
            }
        })
    }
}

/// What is wrong with a template's syntax, on one line.
fn syntax(reason: &TemplateErrorReason) -> String {
    escape::one_line(&reason.to_string())
}

fn reason(error: &RenderError) -> String {
    match error.reason() {
        RenderErrorReason::MissingVariable(Some(name)) => format!("there is no `{name}` here"),
        RenderErrorReason::MissingVariable(None) => "a name here stands for nothing".to_owned(),
        RenderErrorReason::PartialNotFound(name) => format!("there is no template `{name}.hbs`"),
        RenderErrorReason::HelperNotFound(name) => format!("there is no helper `{name}`"),
        other => escape::one_line(&other.to_string()),
    }
}

/// The `*.hbs` files of a folder: name without the ending, file, text.
fn read(folder: &Path) -> Result<BTreeMap<String, (String, String)>, ReportError> {
    let fault = |path: &Path| {
        let path = path.to_owned();
        move |source| ReportError::Read { path, source }
    };
    let mut texts = BTreeMap::new();
    for file in std::fs::read_dir(folder).map_err(fault(folder))? {
        let path = file.map_err(fault(folder))?.path();
        let Some(name) = path.file_name().and_then(|name| name.to_str()).and_then(|n| n.strip_suffix(".hbs"))
        else {
            continue;
        };
        let text = std::fs::read_to_string(&path).map_err(fault(&path))?;
        texts.insert(name.to_owned(), (path.display().to_string(), text));
    }
    Ok(texts)
}

/// The names that a template includes.
fn includes(text: &str) -> impl Iterator<Item = &str> {
    text.split("{{").skip(1).filter_map(|tag| {
        let tag = tag.trim_start_matches(['~', '#']).strip_prefix('>')?.trim_start();
        let end = tag.find(|c: char| c.is_whitespace() || matches!(c, '}' | '~')).unwrap_or(tag.len());
        Some(tag[..end].trim_matches(['"', '\'', '[', ']']))
    })
}

/// Rendering would run out of stack where templates include each other.
fn circle(texts: &BTreeMap<String, (String, String)>) -> Result<(), ReportError> {
    fn visit<'a>(
        name: &'a str,
        texts: &'a BTreeMap<String, (String, String)>,
        path: &mut Vec<&'a str>,
        done: &mut Vec<&'a str>,
    ) -> Result<(), ReportError> {
        if path.contains(&name) {
            path.push(name);
            return Err(ReportError::Circle(path.join(" -> ")));
        }
        let Some((_, text)) = texts.get(name).filter(|_| !done.contains(&name)) else { return Ok(()) };
        path.push(name);
        includes(text).try_for_each(|next| visit(next, texts, path, done))?;
        path.pop();
        done.push(name);
        Ok(())
    }
    let mut done = Vec::new();
    texts.keys().try_for_each(|name| visit(name, texts, &mut Vec::new(), &mut done))
}

/// A value in words; none where it is not of the right kind.
type Words = fn(&Value) -> Option<String>;

/// A helper that turns one value into text. `null` becomes a dash.
struct Say {
    name: &'static str,
    say: Words,
}

impl HelperDef for Say {
    fn call_inner<'reg: 'rc, 'rc>(
        &self,
        helper: &Helper<'rc>,
        _: &'reg Handlebars<'reg>,
        _: &'rc Context,
        _: &mut RenderContext<'reg, 'rc>,
    ) -> Result<ScopedJson<'rc>, RenderError> {
        let value = param(helper)?;
        if value.is_null() {
            return Ok(ScopedJson::Derived("–".into()));
        }
        let text = (self.say)(value)
            .ok_or_else(|| RenderErrorReason::Other(format!("`{}` can't be made of {value}", self.name)))?;
        Ok(ScopedJson::Derived(text.into()))
    }
}

fn param<'a>(helper: &'a Helper<'_>) -> Result<&'a Value, RenderError> {
    let given = helper
        .param(0)
        .ok_or_else(|| RenderErrorReason::Other(format!("`{}` needs a value", helper.name())))?;
    if given.is_value_missing() {
        return Err(RenderErrorReason::MissingVariable(given.relative_path().cloned()).into());
    }
    Ok(given.value())
}

/// `if` and `unless` that refuse a name which is not there; the ones that come with handlebars take it for false.
struct When {
    wanted: bool,
}

impl HelperDef for When {
    fn call<'reg: 'rc, 'rc>(
        &self,
        helper: &Helper<'rc>,
        registry: &'reg Handlebars<'reg>,
        context: &'rc Context,
        state: &mut RenderContext<'reg, 'rc>,
        out: &mut dyn Output,
    ) -> HelperResult {
        let holds = param(helper)?.is_truthy(false) == self.wanted;
        let branch = if holds { helper.template() } else { helper.inverse() };
        branch.map_or(Ok(()), |branch| branch.render(registry, context, state, out))
    }
}

/// A code span that is not escaped a second time.
struct Code;

impl HelperDef for Code {
    fn call<'reg: 'rc, 'rc>(
        &self,
        helper: &Helper<'rc>,
        _: &'reg Handlebars<'reg>,
        _: &'rc Context,
        _: &mut RenderContext<'reg, 'rc>,
        out: &mut dyn Output,
    ) -> HelperResult {
        let text = match param(helper)? {
            Value::Null => "–".to_owned(),
            Value::String(text) => escape::markdown_code(text),
            other => escape::markdown_code(&other.to_string()),
        };
        out.write(&text)?;
        Ok(())
    }
}

fn helpers(registry: &mut Handlebars<'static>) {
    fn period(value: &Value) -> Option<Period> {
        value.as_str()?.parse().ok()
    }
    fn moment(value: &Value) -> Option<Timestamp> {
        value.as_str()?.parse().ok()
    }
    fn duration(period: Period) -> String {
        if period == Period::ZERO { "0".to_owned() } else { period.human() }
    }
    let says: [(&'static str, Words); 10] = [
        ("duration", |value| period(value).map(duration)),
        ("exact", |value| period(value).map(|period| period.to_string())),
        ("moment", |value| moment(value).map(Timestamp::human)),
        ("clock", |value| moment(value).map(clock)),
        ("count", |value| value.as_u64().map(count)),
        ("bytes", |value| value.as_u64().map(bytes)),
        ("percent", |value| value.as_f64().map(|percent| format!("{percent:.1}%"))),
        ("words", |value| value.as_str().map(|word| word.replace('_', " "))),
        ("capital", |value| value.as_str().map(|word| capital(&word.replace('_', " ")))),
        ("yes", |value| value.as_bool().map(|yes| if yes { "yes" } else { "no" }.to_owned())),
    ];
    for (name, say) in says {
        registry.register_helper(name, Box::new(Say { name, say }));
    }
    registry.register_helper("code", Box::new(Code));
    registry.register_helper("if", Box::new(When { wanted: true }));
    registry.register_helper("unless", Box::new(When { wanted: false }));
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn made(text: &str) -> Result<String, String> {
        let templates = Templates::load(&[("t", text)], None, escape::html).map_err(|e| e.to_string())?;
        let data = json!({"a": "1h30m", "n": null, "t": "2026-11-23T09:00:00.000Z", "no": false, "x": "<&>"});
        templates.render("t", &data).map_err(|error| error.to_string())
    }

    #[test]
    fn values_are_written_for_people() {
        let text =
            "{{duration a}} {{exact a}} {{duration n}} {{moment t}} {{clock t}} {{yes no}} {{x}} {{code x}}";
        let out = made(text).expect("renders");
        assert_eq!(out, "1h 30m 1h30m – 2026-11-23 09:00:00Z 09:00:00Z no &lt;&amp;&gt; `<&>`");
    }

    #[test]
    fn faults_name_file_line_and_column() {
        for (text, fault) in [
            ("ok\n  {{oops}}", "template built-in t.hbs, line 2, column 3: there is no `oops` here"),
            ("{{#if oops}}x{{/if}}", "template built-in t.hbs, line 1, column 1: there is no `oops` here"),
            (
                "a\n{{duration x}}",
                "template built-in t.hbs, line 2, column 1: `duration` can't be made of \"<&>\"",
            ),
            ("{{> gone}}", "template built-in t.hbs, line 1, column 1: there is no template `gone.hbs`"),
            ("{{nope x}}", "template built-in t.hbs, line 1, column 1: there is no helper `nope`"),
        ] {
            assert_eq!(made(text), Err(fault.to_owned()), "{text}");
        }
        let syntax = made("a\nb {{#if x}}").expect_err("never closed");
        assert!(syntax.starts_with("template built-in t.hbs, line 2, column"), "{syntax}");
    }

    #[test]
    fn a_folder_stands_in_and_adds() {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("t.hbs"), "mine {{> part}}").expect("written");
        std::fs::write(folder.path().join("part.hbs"), "and {{oops}}").expect("written");
        std::fs::write(folder.path().join("notes.txt"), "{{").expect("written");
        let templates =
            Templates::load(&[("t", "built in")], Some(folder.path()), escape::html).expect("loads");
        let error = templates.render("t", &json!({})).expect_err("oops is not there").to_string();
        let place = format!("{}, line 1, column 5", folder.path().join("part.hbs").display());
        assert!(error.contains(&place), "{error}");
        std::fs::write(folder.path().join("part.hbs"), "more").expect("written");
        let templates =
            Templates::load(&[("t", "built in")], Some(folder.path()), escape::html).expect("loads");
        assert_eq!(templates.render("t", &json!({})).expect("renders"), "mine more");
    }

    #[test]
    fn a_missing_folder_is_named() {
        let error = Templates::load(&[], Some(Path::new("/nowhere/at/all")), escape::html).err();
        assert!(error.is_some_and(|e| e.to_string().starts_with("/nowhere/at/all can't be read")));
    }

    #[test]
    fn a_circle_of_templates_is_refused() {
        let pair = [("a", "{{> b}}"), ("b", "{{#each x}}{{~> \"a\" }}{{/each}}")];
        let error = Templates::load(&pair, None, escape::html).err().map(|error| error.to_string());
        assert_eq!(error.as_deref(), Some("templates include each other in a circle: a -> b -> a"));
    }
}
