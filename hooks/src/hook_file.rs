//! What a hook file says, and what is wrong with it: pure, from bytes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use serde_saphyr::Spanned;
use versioning::guard::Act;

use crate::action::{self, Action};
use crate::check_file::{
    Broken, Check, Query, TIME_LIMIT_S_DEFAULT, TIME_LIMIT_S_MAX, qualified, valid_name,
};
use crate::document::{self, Fields, Node, Tree, Wrong};
use crate::event::{Event, Phase};
use crate::pattern::Pattern;
use crate::service::CHECK;

/// The folder of a repository in which hook files stand, at any depth.
pub const HOOKS_FOLDER: &str = ".skep/hooks/";

/// How many hooks a file may have.
const HOOKS_MAX: usize = 100;

/// A hook file.
#[derive(Debug, Clone)]
pub struct HookFile {
    pub path: String,
    pub name: String,
    pub description: Option<String>,
    /// The names of refs that each event is about; any, if there is no pattern.
    pub on: BTreeMap<Event, Vec<Pattern>>,
    pub hooks: Vec<Hook>,
}

/// One thing to do when an event comes.
#[derive(Debug, Clone)]
pub struct Hook {
    /// The name of the file, `/`, and the hook's own id.
    pub name: String,
    /// What kind of action it is.
    pub kind: &'static str,
    pub description: Option<String>,
    pub time: Duration,
    /// It runs only if a table of these names changed; always, if there is none.
    pub only_tables: Vec<Pattern>,
    /// The tables that it reads, database and name; `None` if the file does not say.
    pub reads: Option<Vec<(String, String)>>,
    pub action: Arc<dyn Action>,
}

impl Hook {
    /// Returns a check as a hook, to run it beside merges.
    pub(crate) fn of_check(check: &Check) -> Hook {
        Hook {
            name: check.spec.name.clone(),
            kind: CHECK,
            description: None,
            time: Duration::from_secs(check.spec.time_limit_s),
            only_tables: Vec::new(),
            reads: check.reads.clone(),
            action: action::sql(&check.query()),
        }
    }
}

impl HookFile {
    /// Returns the queries of its hooks that the handed-in engine runs.
    pub fn queries(&self) -> impl Iterator<Item = Query<'_>> {
        self.hooks.iter().filter_map(|hook| hook.action.query())
    }

    /// Returns whether the file has hooks for an event of the ref `name`.
    pub fn is_for(&self, event: Event, name: &str) -> bool {
        let patterns = self.on.get(&event);
        patterns.is_some_and(|patterns| patterns.is_empty() || patterns.iter().any(|one| one.matches(name)))
    }
}

/// Returns whether the object at `path` is a hook file.
pub(crate) fn is_hook_file(path: &str) -> bool {
    path.starts_with(HOOKS_FOLDER) && (path.ends_with(".yaml") || path.ends_with(".yml"))
}

/// Reads a hook file.
///
/// # Errors
/// [`Broken`], with line and column and what would be allowed.
pub fn parse_hooks(path: &str, bytes: &[u8]) -> Result<HookFile, Broken> {
    file(path, bytes).map_err(|wrong| wrong.in_file(path))
}

fn file(path: &str, bytes: &[u8]) -> Result<HookFile, Wrong> {
    let mut fields = Fields::of("a hook file", document::read(bytes)?)?;
    let name = named(&fields.required_text("name")?)?;
    let description = fields.text("description")?.map(|text| text.value);
    let on = match fields.node("on") {
        Some(node) => events(node)?,
        None => return Err(fields.missing("on, with the events that it is for")),
    };
    let hooks = match fields.node("hooks") {
        Some(node) => all_hooks(&name, node)?,
        None => return Err(fields.missing("hooks")),
    };
    fields.finish()?;
    let path = path.to_owned();
    let file = HookFile {
        path,
        name,
        description,
        on,
        hooks,
    };
    Ok(file)
}

fn named(name: &Spanned<String>) -> Result<String, Wrong> {
    match valid_name(&name.value) {
        Ok(()) => Ok(name.value.clone()),
        Err(rule) => Err(Wrong::at(
            name.referenced,
            format!("{:?} is not valid: {rule}", name.value),
        )),
    }
}

fn events(node: Node) -> Result<BTreeMap<Event, Vec<Pattern>>, Wrong> {
    let at = node.referenced;
    let Tree::Map(entries) = node.value else {
        return Err(Wrong::at(at, "on has to be a map of events, as pre-merge:"));
    };
    let mut on = BTreeMap::new();
    for (key, value) in entries {
        let Some(event) = Event::parse(&key.value) else {
            let all: Vec<_> = Event::all().map(|event| event.to_string()).collect();
            let message = format!(
                "there is no event {:?}: allowed are {}",
                key.value,
                all.join(", ")
            );
            return Err(Wrong::at(key.referenced, message));
        };
        let mut fields = Fields::of(&key.value, value)?;
        let names = fields.texts(match event.act {
            Act::CreateTag | Act::DeleteTag => "tags",
            _ => "branches",
        })?;
        fields.finish()?;
        let patterns = names.into_iter().flatten().map(|name| Pattern::new(name.value));
        if on.insert(event, patterns.collect()).is_some() {
            return Err(Wrong::at(key.referenced, format!("{event} is given twice")));
        }
    }
    match on.is_empty() {
        true => Err(Wrong::at(at, "on names no event")),
        false => Ok(on),
    }
}

fn all_hooks(file: &str, node: Node) -> Result<Vec<Hook>, Wrong> {
    let at = node.referenced;
    let Tree::List(nodes) = node.value else {
        return Err(Wrong::at(at, "hooks has to be a list"));
    };
    if !(1..=HOOKS_MAX).contains(&nodes.len()) {
        return Err(Wrong::at(
            at,
            format!("hooks has to be a list of 1 to {HOOKS_MAX}"),
        ));
    }
    let mut hooks: Vec<Hook> = Vec::new();
    for node in nodes {
        let place = node.referenced;
        let hook = hook(file, node)?;
        if hooks.iter().any(|other| other.name == hook.name) {
            return Err(Wrong::at(place, format!("the id of {:?} is taken", hook.name)));
        }
        hooks.push(hook);
    }
    Ok(hooks)
}

fn hook(file: &str, node: Node) -> Result<Hook, Wrong> {
    let mut fields = Fields::of("a hook", node)?;
    let id = named(&fields.required_text("id")?)?;
    let kind = fields.required_text("type")?;
    let description = fields.text("description")?.map(|text| text.value);
    let time_s = fields.seconds("timeout", TIME_LIMIT_S_MAX)?;
    let only_tables = fields.texts("only-tables")?.unwrap_or_default();
    let reads = fields.texts("reads")?.map(|names| tables(&names)).transpose()?;
    let properties = fields.node("properties");
    let at = properties.as_ref().map_or(fields.place(), |node| node.referenced);
    let properties = properties.unwrap_or_else(|| Spanned::new(Tree::Nothing, at, at));
    fields.finish()?;
    let (kind, action) = action::parse(&kind, properties)?;
    Ok(Hook {
        name: format!("{file}/{id}"),
        kind,
        description,
        time: Duration::from_secs(time_s.unwrap_or(TIME_LIMIT_S_DEFAULT)),
        only_tables: only_tables
            .into_iter()
            .map(|name| Pattern::new(name.value.to_lowercase()))
            .collect(),
        reads,
        action,
    })
}

fn tables(names: &[Spanned<String>]) -> Result<Vec<(String, String)>, Wrong> {
    let read = |name: &Spanned<String>| {
        let wrong = || format!("reads {:?}, which is not DATABASE.TABLE", name.value);
        qualified(&name.value).ok_or_else(|| Wrong::at(name.referenced, wrong()))
    };
    names.iter().map(read).collect()
}

/// All hook files of a commit.
#[derive(Debug, Clone, Default)]
pub struct HookSet {
    /// The usable ones, by path.
    pub files: Vec<HookFile>,
    pub broken: Vec<Broken>,
}

impl HookSet {
    /// Gathers parsed files; a name that an earlier path has taken makes a file broken.
    pub(crate) fn gather(files: impl IntoIterator<Item = Result<HookFile, Broken>>) -> HookSet {
        let mut set = HookSet::default();
        for file in files {
            match file {
                Err(broken) => set.broken.push(broken),
                Ok(file) => match set.files.iter().find(|first| first.name == file.name) {
                    Some(first) => set.broken.push(Broken {
                        path: file.path.clone(),
                        at: None,
                        message: format!("the name {:?} is taken by {}", file.name, first.path),
                    }),
                    None => set.files.push(file),
                },
            }
        }
        set
    }

    /// Takes out files with a query that cannot be run on any commit.
    pub(crate) fn validate(&mut self, validate: impl Fn(&str) -> Result<(), String>) {
        self.files.retain(|file| {
            let checked = file
                .queries()
                .try_for_each(|query| query.check(&file.path, &validate));
            let broken = checked.err();
            let is_good = broken.is_none();
            self.broken.extend(broken);
            is_good
        });
    }

    /// Returns the hooks for an event of the ref `name`, in the order of files.
    pub fn hooks(&self, event: Event, name: &str) -> Vec<&Hook> {
        let files = self.files.iter().filter(|file| file.is_for(event, name));
        files.flat_map(|file| &file.hooks).collect()
    }

    /// Returns what the hook of this name judges of the branch; nothing, if there is none.
    pub fn judges(&self, hook: &str, branch: &str) -> BTreeSet<Act> {
        let has = |file: &&HookFile| file.hooks.iter().any(|one| one.name == hook);
        let events = self.files.iter().filter(has).flat_map(|file| {
            let events = file.on.keys();
            events.filter(|event| event.phase == Phase::Pre && file.is_for(**event, branch))
        });
        events.map(|event| event.act).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GATE: &str = "\
name: gate
description: what guards main
on:
  pre-merge:
    branches: [main, 'release-*']
  post-create-tag: {tags: v*}
  post-commit:
hooks:
  - id: rows
    type: sql
    timeout: 2m
    reads: [Sales.Orders]
    only-tables: sales.*
    properties:
      query: select * from sales.orders where amt < 0
  - id: tell
    type: webhook
    properties:
      url: https://example.com/{{ branch }}
      secret: secret.hook
";

    fn wrong(text: &str) -> String {
        parse_hooks("h.yaml", text.as_bytes()).unwrap_err().to_string()
    }

    #[test]
    fn files_are_read() {
        let file = parse_hooks("h.yaml", GATE.as_bytes()).unwrap();
        let (merge, tag) = (Event::pre(Act::Merge), Event::post(Act::CreateTag));
        assert!(file.is_for(merge, "main") && file.is_for(merge, "release-1") && !file.is_for(merge, "etl"));
        assert!(
            file.is_for(tag, "v1") && !file.is_for(tag, "x") && file.is_for(Event::post(Act::Commit), "x")
        );
        assert!(!file.is_for(Event::pre(Act::Commit), "main"));
        let [rows, tell] = file.hooks.as_slice() else {
            panic!("{file:?}")
        };
        assert_eq!(
            (rows.name.as_str(), rows.kind, rows.time.as_secs()),
            ("gate/rows", "sql", 120)
        );
        assert_eq!(rows.reads, Some(vec![("sales".into(), "orders".into())]));
        assert!(rows.only_tables[0].matches("sales.x"));
        assert_eq!(
            (tell.name.as_str(), tell.kind, tell.time.as_secs()),
            ("gate/tell", "webhook", 300)
        );
    }

    #[test]
    fn branches_are_guarded_whose_names_look_like_numbers() {
        for name in ["2.10", "y", "n", "0123", "1_000", "1e3", "0x1F"] {
            let file = GATE.replace("[main, 'release-*']", &format!("[{name}]"));
            let file = parse_hooks("h.yaml", file.replace("name: gate", "name: n").as_bytes()).unwrap();
            assert!(file.is_for(Event::pre(Act::Merge), name), "{name}: {:?}", file.on);
            assert_eq!(file.name, "n");
        }
    }

    #[test]
    fn what_is_wrong_is_told_with_its_place_and_what_is_allowed() {
        let changed = |from: &str, to: &str| {
            assert!(GATE.contains(from), "{from}");
            wrong(&GATE.replace(from, to))
        };
        for (from, to, place, word) in [
            ("pre-merge", "premerge", "h.yaml:4:3:", "pre-commit, post-commit"),
            ("branches", "branch", "h.yaml:5:5:", "allowed are branches"),
            ("tags: v*", "branches: v*", "h.yaml:6:21:", "allowed are tags"),
            (
                "type: sql",
                "type: sqll",
                "h.yaml:10:11:",
                "allowed are airflow, command",
            ),
            ("timeout: 2m", "timeout: 2d", "h.yaml:11:14:", "1 to 3600 seconds"),
            ("timeout: 2m", "timeout: 0", "h.yaml:11:14:", "1 to 3600 seconds"),
            (
                "timeout",
                "time",
                "h.yaml:11:5:",
                "allowed are id, type, description, timeout",
            ),
            ("[Sales.Orders]", "[orders]", "h.yaml:12:13:", "DATABASE.TABLE"),
            ("query", "sql", "h.yaml:15:7:", "needs query"),
            ("id: tell", "id: rows", "h.yaml:16:5:", "is taken"),
            ("id: tell", "id: 'a b'", "h.yaml:16:9:", "not valid"),
            (
                "{{ branch }}",
                "{{ brunch }}",
                "h.yaml:19:12:",
                "allowed are secret.NAME",
            ),
            ("https", "ftp", "h.yaml:19:12:", "http"),
            ("name: gate\n", "", "h.yaml:1:1:", "needs name"),
            ("hooks:", "hook:", "h.yaml:", "needs hooks"),
        ] {
            let told = changed(from, to);
            assert!(
                told.starts_with(place) && told.contains(word),
                "{from} -> {to}: {told}"
            );
        }
        assert!(wrong("").contains("needs name"));
        assert!(wrong("- a\n").starts_with("h.yaml:1:1: a hook file has to be a map, not a list"));
        assert!(wrong("name: a\nname: b\n").starts_with("h.yaml:2:1:"));
        // deep ones take no stack, and aliases no time
        for deep in [
            format!("a: {}", "{a: ".repeat(3_000)),
            "- ".repeat(3_000),
            "[".repeat(3_000),
        ] {
            assert!(wrong(&deep).starts_with("h.yaml:"), "{deep:.9}");
        }
        let bomb = (1..9).map(|level| {
            let before = format!("*a{}, ", level - 1);
            format!("- &a{level} [{}]\n", before.repeat(9).trim_end_matches(", "))
        });
        let bomb = format!("- &a0 [x]\n{}", bomb.collect::<String>());
        assert!(wrong(&bomb).starts_with("h.yaml:"));
    }

    #[test]
    fn names_of_files_are_unique() {
        let read = |path: &str| parse_hooks(path, GATE.as_bytes());
        let set = HookSet::gather([read("a.yaml"), read("b.yaml")]);
        assert_eq!((set.files.len(), set.broken.len()), (1, 1));
        assert_eq!(
            set.broken[0].to_string(),
            "b.yaml: the name \"gate\" is taken by a.yaml"
        );
        assert_eq!(set.hooks(Event::pre(Act::Merge), "main").len(), 2);
        let judges = |hook: &str, branch: &str| set.judges(hook, branch);
        assert_eq!(judges("gate/rows", "main"), [Act::Merge].into());
        assert!(judges("gate/rows", "etl").is_empty() && judges("gate", "main").is_empty());
    }
}
