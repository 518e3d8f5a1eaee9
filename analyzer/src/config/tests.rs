use super::*;
use crate::level::{Origin, Rule, Target};
use crate::testing::{CATALOGUE, lint};

fn document(kind: DocumentKind, shown: &str, text: &str) -> Document {
    Document { kind, shown: shown.to_owned(), text: text.to_owned() }
}

fn own(text: &str) -> Document {
    document(DocumentKind::Own, "atomic-lint.toml", text)
}

fn package(name: &str, text: &str) -> Document {
    document(DocumentKind::Package { name: name.to_owned() }, &format!("{name}/Cargo.toml"), text)
}

fn read(documents: &[Document]) -> Config {
    let mut config = Config::new(CATALOGUE, Table::default());
    config.read(documents).unwrap();
    config
}

fn errors(text: &str) -> String {
    let mut config = Config::new(CATALOGUE, Table::default());
    let errors = config.read(&[own(text)]).unwrap_err();
    errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

#[test]
fn later_layers_win() {
    let mut config = read(&[
        document(
            DocumentKind::Workspace,
            "Cargo.toml",
            "[workspace]\nmembers = []\n[workspace.metadata.atomic-lint]\nperf = \"deny\"\npedantic = \"warn\"\n",
        ),
        own("pedantic = \"allow\"\n"),
        package("a", "[package.metadata]\natomic-lint = { pedantic = \"deny\" }\n"),
    ]);
    let level = |config: &Config, name: &str, package| {
        let setting = config.setting(lint(name), Place { package, file: None });
        format!("{} by {}", setting.level.name(), setting.origin)
    };
    assert_eq!(level(&config, "unpadded_hot_atomics", None), "deny by Cargo.toml:4:1");
    assert_eq!(level(&config, "redundant_seq_cst", None), "allow by atomic-lint.toml:1:1");
    assert_eq!(level(&config, "redundant_seq_cst", Some("a")), "deny by a/Cargo.toml:2:17");
    assert_eq!(level(&config, "redundant_seq_cst", Some("b")), "allow by atomic-lint.toml:1:1");
    assert_eq!(level(&config, "split_read_modify_write", None), "deny by default of correctness");
    assert!(config.may_be_on(lint("redundant_seq_cst")));

    let origin = Origin::CommandLine("-A all".to_owned());
    config.command_line = Table::ordered(vec![Rule { target: Target::All, level: Level::Allow, origin }]);
    assert_eq!(level(&config, "redundant_seq_cst", Some("a")), "allow by `-A all`");
}

#[test]
fn per_file_globs_start_at_the_tables_directory() {
    let config = read(&[
        own("per-file = [{ files = [\"*/benches/**\"], allow = [\"perf\"] }]"),
        package(
            "a",
            "[package.metadata.atomic-lint]\nper-file = [{ files = \"src/*.rs\", deny = [\"unpadded_hot_atomics\"] }]",
        ),
    ]);
    let level = |file| config.setting(lint("unpadded_hot_atomics"), Place { package: None, file: Some(file) }).level;
    assert_eq!(level("a/benches/x/y.rs"), Level::Allow);
    assert_eq!(level("a/src/lib.rs"), Level::Deny);
    assert_eq!(level("a/src/deep/x.rs"), Level::Warn);
    assert_eq!(level("src/lib.rs"), Level::Warn);
}

#[test]
fn options_and_switches() {
    let config = read(&[own("require-reasons = true\nunpadded_hot_atomics = { level = \"deny\", line = 0x80 }")]);
    assert!(config.require_reasons);
    assert_eq!(config.options.get("unpadded_hot_atomics", "line"), Some(128));
    assert_eq!(config.options.get("unpadded_shards", "line"), None);
}

#[test]
fn an_option_alone_keeps_the_level() {
    let config = read(&[own("unpadded_hot_atomics = { line = 64 }")]);
    let setting = config.setting(lint("unpadded_hot_atomics"), Place::default());
    assert_eq!(setting.origin, Origin::Default(crate::lint::Group::Perf));
}

#[test]
fn mistakes_have_a_place_and_a_remedy() {
    insta::assert_snapshot!(errors("split_read_modify_wirte = \"warn\"\n\nrequire-reason = true\nzzz = 1\n"), @r"
    atomic-lint.toml:1:1: unknown lint or key `split_read_modify_wirte`; did you mean `split_read_modify_write`?
    atomic-lint.toml:3:1: unknown lint or key `require-reason`; did you mean `require-reasons`?
    atomic-lint.toml:4:1: unknown lint or key `zzz`; `cargo atomic-lint list` shows all
    ");
    insta::assert_snapshot!(errors("perf = \"wran\"\npedantic = 3\nrequire-reasons = 1"), @r#"
    atomic-lint.toml:1:8: a level is `allow`, `warn`, `deny` or `forbid`; did you mean `warn`?
    atomic-lint.toml:2:12: the level of `pedantic` must be a string; write `"warn"` or `{ level = "warn" }`
    atomic-lint.toml:3:19: `require-reasons` must be `true` or `false`
    "#);
    insta::assert_snapshot!(errors("unpadded_hot_atomics = { level = \"deny\", lien = 128 }\nperf = { line = 3 }"), @r"
    atomic-lint.toml:1:42: `unpadded_hot_atomics` has no option `lien`; did you mean `line`?
    atomic-lint.toml:2:10: options belong to a lint, not to a group
    ");
    insta::assert_snapshot!(errors("unpadded_hot_atomics = { line = 100 }"), @"atomic-lint.toml:1:33: `line` must be a power of two from 16 to 1024");
    insta::assert_snapshot!(errors("per-file = [{ file = \"x\", allow = [\"perv\", 3] }, 4]"), @"
    atomic-lint.toml:1:15: `per-file` has no key `file`; did you mean `files`?
    atomic-lint.toml:1:36: unknown lint `perv`; did you mean `perf`?
    atomic-lint.toml:1:44: `allow` must be a list of strings
    atomic-lint.toml:1:13: an entry of `per-file` needs `files`
    atomic-lint.toml:1:50: an entry of `per-file` must be a table
    ");
    insta::assert_snapshot!(errors("per-file = [{ files = [\"a{\"] }]"), @"atomic-lint.toml:1:24: not a glob: unclosed alternate group; missing '}' (maybe escape '{' with '[{]'?)");
    insta::assert_snapshot!(errors("perf = "), @"atomic-lint.toml:1:8: not valid TOML: string values must be quoted, expected literal string");
}

#[test]
fn a_manifest_that_says_nothing_is_fine() {
    read(&[package("a", "[package]\nname = \"atomic-lint\"\nmetadata = 3\n")]);
}
