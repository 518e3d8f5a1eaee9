//! Everything that is written by a program and kept in the repository is what the program would write now.
//!
//! `BLESS=1 cargo test -p atomic-lint-tests --test generated` writes it: the lists of lints and fixtures, the table of
//! the README, the table of what was measured, the expected output of every fixture folder.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use atomic_lint_tests::corpus::Corpus;
use atomic_lint_tests::{BLESS, FIXES, blessing, cargo, fixed, is_wanted, root, run};
use cargo_atomic_lint::cli::schema;
use cargo_atomic_lint::lints;
use cargo_metadata::Message;

/// Whether what is compiled into this test is what the lists say. When lists were just written, a second run of
/// this test, built with them, writes the rest.
static LISTS: LazyLock<bool> = LazyLock::new(|| {
    let stale: Vec<Generated> = lists().into_iter().filter(Generated::is_stale).collect();
    if !blessing() || stale.is_empty() {
        return true;
    }
    stale.iter().for_each(Generated::write);
    let mut again = Command::new(cargo());
    again.args(["test", "-p", "atomic-lint-tests", "--test", "generated"]).current_dir(root());
    assert!(again.status().expect("cargo can be started").success(), "the second run has failed");
    false
});

#[test]
fn lists_of_lints_and_fixtures_name_the_files_that_exist() {
    if *LISTS {
        hold(lists());
    }
}

#[test]
fn what_was_measured_is_what_the_corpus_says() {
    if *LISTS {
        hold(vec![Generated::between(
            "analyzer/src/measured.rs",
            "    // measured: begin",
            "    // measured: end",
            &Corpus::stored().table(),
        )]);
    }
}

#[test]
fn the_table_of_the_readme_names_every_lint() {
    if *LISTS {
        hold(vec![Generated::between("README.md", "<!-- lints: begin -->", "<!-- lints: end -->", &table())]);
    }
}

/// `fix.rs` holds mistakes that are sure to be mended well, `unsafe_fix.rs` those that need a second look.
#[test]
fn every_fixture_of_a_fix_has_its_result_beside_it() {
    // Written before the output that they bring about, so by the test of that.
    if *LISTS && !blessing() {
        hold(fixed_fixtures());
    }
}

#[test]
fn the_output_of_every_fixture_folder_is_the_expected_one() {
    if *LISTS {
        if blessing() {
            hold(fixed_fixtures());
        }
        hold(outputs());
    }
}

#[test]
fn the_schemas_know_every_lint_and_every_field() {
    if *LISTS {
        hold(vec![
            Generated { path: "analyzer/atomic-lint.schema.json".into(), text: schema::config() },
            Generated { path: "analyzer/jsonl.schema.json".into(), text: schema::jsonl() },
        ]);
    }
}

/// A file and what it should hold.
struct Generated {
    /// From the root of the repository.
    path: PathBuf,
    text: String,
}

impl Generated {
    /// What stands between two marked lines of a file that is otherwise written by hand.
    fn between(path: &str, begin: &str, end: &str, body: &str) -> Generated {
        let text = std::fs::read_to_string(root().join(path)).unwrap_or_else(|e| panic!("{path} cannot be read: {e}"));
        let lacks = || panic!("{path} lacks the lines `{begin}` and `{end}` around what is generated");
        let (before, rest) = text.split_once(&format!("{begin}\n")).unwrap_or_else(lacks);
        let (_, after) = rest.split_once(&format!("{end}\n")).unwrap_or_else(lacks);
        Generated { path: path.into(), text: format!("{before}{begin}\n{body}{end}\n{after}") }
    }

    /// The list of modules of a file, in place of the first one that stands there; marks that a merge has lost are put
    /// back.
    fn modules(path: &str, body: &str) -> Generated {
        let text = std::fs::read_to_string(root().join(path)).unwrap_or_else(|e| panic!("{path} cannot be read: {e}"));
        let is_listed = |line: &str| {
            let line = line.strip_prefix("pub ").unwrap_or(line);
            line.starts_with("mod ") && line.ends_with(';') || line.starts_with("// modules: ")
        };
        let lines: Vec<&str> = text.lines().collect();
        let start = lines.iter().position(|l| is_listed(l)).unwrap_or_else(|| panic!("{path} declares no module"));
        let length = lines[start..].iter().take_while(|l| is_listed(l)).count();
        let whole = |lines: &[&str]| lines.iter().map(|l| format!("{l}\n")).collect::<String>();
        let (before, after) = (whole(&lines[..start]), whole(&lines[start + length..]));
        let text = format!("{before}// modules: begin\n{body}// modules: end\n{after}");
        Generated { path: path.into(), text }
    }

    fn now(&self) -> String {
        std::fs::read_to_string(root().join(&self.path)).unwrap_or_default().replace("\r\n", "\n")
    }

    fn is_stale(&self) -> bool {
        self.now() != self.text
    }

    fn write(&self) {
        std::fs::write(root().join(&self.path), &self.text).expect("the repository can be written");
    }

    /// The first line that differs, as it is and as it should be.
    fn difference(&self) -> String {
        let now = self.now();
        let line = now.lines().zip(self.text.lines()).take_while(|(a, b)| a == b).count();
        let side = |text: &str| text.lines().nth(line).unwrap_or("nothing").to_owned();
        format!("line {}:\n  is     {}\n  should {}", line + 1, side(&now), side(&self.text))
    }
}

/// Writes what is stale, or says so.
fn hold(files: Vec<Generated>) {
    let stale: Vec<Generated> = files.into_iter().filter(Generated::is_stale).collect();
    if blessing() {
        return stale.iter().for_each(Generated::write);
    }
    let list: Vec<String> = stale.iter().map(|f| format!("`{}`", f.path.display())).collect();
    if let Some(first) = stale.first() {
        panic!("{} stale, `{BLESS}` writes it anew; {}", list.join(", ") + " is", first.difference());
    }
}

fn lists() -> Vec<Generated> {
    let topics = names(&root().join("analyzer/src/lints"), |path| path.is_dir());
    let mut lints: Vec<(String, String)> = Vec::new();
    let mut files = Vec::new();
    for topic in &topics {
        let folder = root().join("analyzer/src/lints").join(topic);
        let is_rust = |path: &Path| path.extension().is_some_and(|e| e == "rs");
        let mut body = String::new();
        for name in names(&folder, is_rust) {
            let text = std::fs::read_to_string(folder.join(&name).with_extension("rs")).expect("a lint can be read");
            // The rest is what lints of one topic share.
            let is_lint = text.contains("declare_lint! {");
            writeln!(body, "{}mod {name};", if is_lint { "pub " } else { "" }).expect("a string grows");
            lints.extend(is_lint.then(|| (name, topic.clone())));
        }
        files.push(Generated::modules(&format!("analyzer/src/lints/{topic}.rs"), &body));
    }
    lints.sort();
    let path = "analyzer/src/lints.rs";
    let modules: String = topics.iter().map(|topic| format!("pub mod {topic};\n")).collect();
    let all: String =
        lints.iter().map(|(name, topic)| format!("    &{topic}::{name}::{},\n", name.to_uppercase())).collect();
    let with_modules = Generated::modules(path, &modules);
    let (before, rest) = with_modules.text.split_once("= &[\n").expect("lints.rs has a list");
    let (_, after) = rest.split_once("];\n").expect("the list has an end");
    let text = format!("{before}= &[\n    // lints: begin\n{all}    // lints: end\n];\n{after}");
    files.push(Generated { path: path.into(), text });
    let fixtures: String = folders().iter().map(|name| format!("pub mod {name};\n")).collect();
    files.push(Generated::modules("fixtures/lib.rs", &fixtures));
    files
}

/// The folders of the fixtures that are modules of their crate.
fn folders() -> Vec<String> {
    names(&root().join("fixtures"), |path| path.join("mod.rs").is_file())
}

/// The names, without their extensions, of what a directory holds; sorted.
fn names(dir: &Path, is_one: impl Fn(&Path) -> bool) -> Vec<String> {
    let entries = std::fs::read_dir(dir).expect("the folder can be read");
    let paths = entries.map(|e| e.expect("the entry can be read").path()).filter(|p| is_one(p));
    let mut names: Vec<String> =
        paths.map(|p| p.file_stem().expect("an entry has a name").to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

/// A table a topic would tear apart what people look up by name.
fn table() -> String {
    let mut table = String::from("| lint | group | what it reports |\n|---|---|---|\n");
    for lint in lints::ALL {
        let summary = lint.summary().replace('|', "\\|");
        writeln!(table, "| `{}` | {} | {summary} |", lint.name, lint.group.name()).expect("a string grows");
    }
    table
}

fn fixed_fixtures() -> Vec<Generated> {
    let mut files = Vec::new();
    for lint in folders() {
        for (before, after, trust) in FIXES {
            let Ok(text) = std::fs::read_to_string(root().join("fixtures").join(&lint).join(before)) else { continue };
            files.push(Generated { path: format!("fixtures/{lint}/{after}").into(), text: fixed(&text, &lint, trust) });
        }
    }
    files
}

/// What is printed for each fixture folder, lints that are off by default included.
fn outputs() -> Vec<Generated> {
    let line = "--message-format json --explain-findings -W pedantic -W restriction -p atomic-lint-fixtures";
    let stdout = run(&root(), line).stdout;
    let mut texts: Vec<(String, String)> = folders().into_iter().map(|name| (name, String::new())).collect();
    for message in Message::parse_stream(&stdout[..]) {
        let Message::CompilerMessage(message) = message.expect("every line is a message") else { continue };
        let primary = message.message.spans.iter().find(|s| s.is_primary).expect("a finding has a place");
        let code = message.message.code.as_ref().map_or("", |c| c.code.rsplit("::").next().unwrap_or(""));
        if !is_wanted(code, &primary.file_name) {
            continue;
        }
        let folder = primary.file_name.split('/').nth(1).unwrap_or_default();
        let text = texts.iter_mut().find(|(name, _)| name == folder);
        text.expect("a finding stands in a fixture folder").1 += &message.message.rendered.expect("it is rendered");
    }
    let path = |name: &str| format!("fixtures/{name}/expected.txt").into();
    texts.into_iter().map(|(name, text)| Generated { path: path(&name), text }).collect()
}

#[test]
fn expected_output_is_plain_ascii_in_its_frames() {
    for folder in folders() {
        let path = root().join("fixtures").join(&folder).join("expected.txt");
        let text = std::fs::read_to_string(path).unwrap_or_default();
        let odd = text.chars().find(|c| matches!(c, '\u{1b}' | '\u{2500}'..='\u{257f}'));
        assert!(odd.is_none(), "fixtures/{folder}/expected.txt holds {odd:?}");
    }
}
