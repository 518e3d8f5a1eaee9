//! Manifests on disk, good and bad.

use std::fs;
use std::path::{Path, PathBuf};

use super::*;

struct Tree {
    dir: tempfile::TempDir,
}

impl Tree {
    fn new(files: &[(&str, &str)]) -> Tree {
        let dir = tempfile::tempdir().expect("a temporary directory");
        for (path, content) in files {
            let path = dir.path().join(path);
            fs::create_dir_all(path.parent().expect("it is inside of the tree")).expect("directories can be made");
            fs::write(path, content).expect("files can be written");
        }
        Tree { dir }
    }

    fn path(&self, path: &str) -> PathBuf {
        self.dir.path().join(path)
    }

    fn plan(&self, selection: Selection) -> Result<Plan, Error> {
        let current_dir = selection.current_dir.map_or(self.path(""), |dir| self.path(&dir.display().to_string()));
        plan(&Selection { current_dir: Some(current_dir), ..selection })
    }

    /// The message and the remedy of the error for a selection.
    #[track_caller]
    fn error(&self, selection: Selection) -> (ErrorKind, String) {
        let error = self.plan(selection).expect_err("it cannot be planned");
        let text = error.to_string().replace(&self.dir.path().display().to_string(), "TMP");
        assert!(!text.ends_with('.') && !text.contains('\n'), "{text}");
        (error.kind, text)
    }
}

const MANIFEST: &str = "[package]\nname = \"NAME\"\nversion = \"0.1.0\"\nedition = \"2021\"\n";

fn manifest(name: &str, rest: &str) -> String {
    format!("{}{rest}", MANIFEST.replace("NAME", name))
}

/// Two members: `lib-a` with every kind of target, and `bin-b`, which depends on it under another name.
fn two_members() -> Tree {
    let a = manifest(
        "lib-a",
        "[features]\ndefault = [\"one\"]\none = [\"two\"]\ntwo = []\nthree = []\nfour = [\"dep:opt\", \"opt?/x\"]\n\
         [[bin]]\nname = \"gated\"\npath = \"src/gated.rs\"\nrequired-features = [\"three\"]\n\
         [dependencies]\nopt = { version = \"1\", optional = true }\n[dev-dependencies]\ndev-dep = \"1\"\n\
         [package.metadata.atomic-lint]\nlevel = \"warn\"\n",
    );
    let b =
        manifest("bin-b", "[dependencies]\nother = { package = \"lib-a\", path = \"../a\", features = [\"three\"] }\n");
    Tree::new(&[
        (
            "Cargo.toml",
            "[workspace]\nresolver = \"2\"\nmembers = [\"a\", \"b\"]\n[workspace.metadata.atomic-lint]\nx = 1\n",
        ),
        ("a/Cargo.toml", &a),
        ("a/build.rs", "fn main() {}"),
        ("a/src/lib.rs", ""),
        ("a/src/gated.rs", ""),
        ("a/examples/ex.rs", ""),
        ("a/tests/it.rs", ""),
        ("a/benches/be.rs", ""),
        ("b/Cargo.toml", &b),
        ("b/src/main.rs", ""),
    ])
}

/// Checks which crates a selection selects: name, kind and `cfg(test)`.
#[track_caller]
fn check(selection: Selection, expected: &[&str]) {
    let plan = two_members().plan(selection).expect("it can be planned");
    let selected = plan.crates.iter().filter(|krate| krate.selected);
    let lines: Vec<_> = selected
        .map(|krate| {
            let test = match krate.cfg.test {
                Some(true) => " test",
                Some(false) => "",
                None => " both",
            };
            format!("{} {:?}{test}", krate.name, krate.kind)
        })
        .collect();
    assert_eq!(lines, expected);
}

fn strings(list: &[&str]) -> Vec<String> {
    list.iter().map(|&text| text.to_owned()).collect()
}

#[test]
fn packages() {
    // A member asks for the feature that the binary needs.
    check(Selection::default(), &["lib_a Lib", "gated Bin", "bin_b Bin"]);
    check(Selection { current_dir: Some("a".into()), ..Selection::default() }, &["lib_a Lib"]);
    check(Selection { manifest_path: Some("a/Cargo.toml".into()), ..Selection::default() }, &["lib_a Lib"]);
    check(Selection { manifest_path: Some("b".into()), ..Selection::default() }, &["bin_b Bin"]);
    check(Selection { packages: strings(&["lib-a"]), ..Selection::default() }, &["lib_a Lib"]);
    check(
        Selection { packages: strings(&["lib-a@0.1", "bin-*"]), ..Selection::default() },
        &["lib_a Lib", "gated Bin", "bin_b Bin"],
    );
    check(Selection { workspace: true, exclude: strings(&["lib-a"]), ..Selection::default() }, &["bin_b Bin"]);
    let from_a = Selection { current_dir: Some("a".into()), workspace: true, ..Selection::default() };
    check(from_a, &["lib_a Lib", "gated Bin", "bin_b Bin"]);
}

#[test]
fn package_ids_of_cargo_itself() {
    let tree = two_members();
    let all = tree.plan(Selection::default()).expect("it can be planned");
    for krate in &all.crates {
        let plan = tree.plan(Selection { packages: vec![krate.package_id.clone()], ..Selection::default() });
        let plan = plan.expect("cargo's own id is understood");
        assert!(plan.crates.iter().filter(|k| k.selected).all(|k| k.package == krate.package));
    }
}

#[test]
fn targets() {
    let a = || Selection { packages: strings(&["lib-a"]), ..Selection::default() };
    check(Selection { lib: true, ..a() }, &["lib_a Lib"]);
    check(Selection { tests: true, ..a() }, &["lib_a Lib test", "it Test test"]);
    check(Selection { lib: true, tests: true, ..a() }, &["lib_a Lib both", "it Test test"]);
    check(Selection { examples: true, ..a() }, &["ex Example"]);
    check(Selection { benches: true, ..a() }, &["lib_a Lib test", "be Bench test"]);
    check(Selection { test: strings(&["i*"]), example: strings(&["ex"]), ..a() }, &["ex Example", "it Test test"]);
    check(Selection { all_targets: true, ..a() }, &["lib_a Lib both", "ex Example", "it Test test", "be Bench test"]);
    check(Selection { bins: true, features: strings(&["three"]), ..a() }, &["gated Bin"]);
    // Nothing is built, so a target asked for by name needs no features.
    check(Selection { bin: strings(&["gated"]), ..a() }, &["gated Bin"]);
}

#[test]
fn targets_without_their_features_are_counted() {
    let plan = two_members().plan(Selection { packages: strings(&["lib-a"]), ..Selection::default() });
    let plan = plan.expect("it can be planned");
    let skipped = SkippedTarget { package: "lib-a".into(), target: "gated".into(), missing: strings(&["three"]) };
    assert_eq!(plan.skipped, [skipped]);
}

#[test]
fn what_is_not_selected_is_read_too() {
    let plan = two_members().plan(Selection { packages: strings(&["bin-b"]), ..Selection::default() });
    let plan = plan.expect("it can be planned");
    let lines: Vec<_> = plan.crates.iter().map(|krate| (krate.name.as_str(), krate.selected)).collect();
    assert_eq!(lines, [("lib_a", false), ("gated", false), ("bin_b", true)]);
}

#[test]
fn external_names() {
    let plan = two_members().plan(Selection { all_targets: true, ..Selection::default() }).expect("it can be planned");
    let externs = |name: &str| {
        let krate = plan.crates.iter().find(|krate| krate.name == name).expect("the crate is planned");
        let of = |e: &ExternCrate| e.krate.map(|n| plan.crates[n].name.clone());
        krate.externs.iter().map(|(name, e)| format!("{name}={}", of(e).unwrap_or_default())).collect::<Vec<_>>()
    };
    assert_eq!(externs("bin_b"), ["other=lib_a"]);
    assert_eq!(externs("it"), ["dev_dep=", "lib_a=lib_a", "opt="]);
    assert_eq!(externs("gated"), ["dev_dep=", "lib_a=lib_a", "opt="]);
}

/// Checks the features of `lib-a` under a selection of it alone.
#[track_caller]
fn check_features(selection: Selection, expected: &[&str]) {
    let plan = two_members().plan(Selection { packages: strings(&["lib-a"]), ..selection }).expect("it can be planned");
    let features: Vec<_> = plan.crates[0].cfg.features.iter().map(String::as_str).collect();
    assert_eq!(features, expected);
}

#[test]
fn features() {
    check_features(Selection::default(), &["default", "one", "two"]);
    check_features(Selection { no_default_features: true, ..Selection::default() }, &[]);
    let some = Selection {
        no_default_features: true,
        features: strings(&["two three", "lib-a/four"]),
        ..Selection::default()
    };
    check_features(some, &["four", "three", "two"]);
    check_features(
        Selection { all_features: true, ..Selection::default() },
        &["default", "four", "one", "three", "two"],
    );
    let plan = two_members().plan(Selection { packages: strings(&["bin-b"]), ..Selection::default() });
    let features = plan.expect("it can be planned").crates[0].cfg.features.clone();
    assert_eq!(features.into_iter().collect::<Vec<_>>(), ["default", "one", "three", "two"]);
}

#[test]
fn tables_of_the_tool() {
    let tree = two_members();
    let plan = tree.plan(Selection::default()).expect("it can be planned");
    assert_eq!(
        plan.metadata_tables,
        [
            MetadataTable { manifest_path: tree.path("Cargo.toml"), package: None, table: serde_json::json!({"x": 1}) },
            MetadataTable {
                manifest_path: tree.path("a/Cargo.toml"),
                package: Some("lib-a".into()),
                table: serde_json::json!({"level": "warn"}),
            },
        ]
    );
    assert_eq!(plan.root, tree.path(""));
}

#[test]
fn unknown_names() {
    let tree = two_members();
    let (kind, text) = tree.error(Selection { packages: strings(&["lib_a"]), ..Selection::default() });
    assert_eq!(kind, ErrorKind::UnknownPackage);
    assert_eq!(text, "no package of the workspace matches `lib_a` (TMP/Cargo.toml); did you mean `lib-a`?");
    let (kind, text) = tree.error(Selection { test: strings(&["itt"]), ..Selection::default() });
    assert_eq!(kind, ErrorKind::UnknownTarget);
    assert_eq!(text, "no target of the selected packages matches `--test itt`; did you mean `it`?");
    let (kind, text) = tree.error(Selection { features: strings(&["thre"]), ..Selection::default() });
    assert_eq!(kind, ErrorKind::UnknownFeature);
    assert!(text.starts_with("none of the selected packages has a feature `thre`"), "{text}");
    assert!(text.ends_with("did you mean `three`?"), "{text}");
    let (kind, _) = tree.error(Selection { packages: strings(&["a["]), ..Selection::default() });
    assert_eq!(kind, ErrorKind::UnknownPackage);
}

#[test]
fn selections_of_nothing() {
    let tree = two_members();
    let (kind, text) = tree.error(Selection { packages: strings(&["bin-b"]), lib: true, ..Selection::default() });
    assert_eq!(kind, ErrorKind::NothingSelected);
    assert!(text.starts_with("the selected packages have no such targets: `bin-b` (TMP/b/Cargo.toml); "), "{text}");
    let (kind, _) = tree.error(Selection { workspace: true, exclude: strings(&["*"]), ..Selection::default() });
    assert_eq!(kind, ErrorKind::NothingSelected);
    let (kind, _) = tree.error(Selection { exclude: strings(&["lib-a"]), ..Selection::default() });
    assert_eq!(kind, ErrorKind::Usage);
    let exclude = Selection { workspace: true, exclude: strings(&["nobody"]), ..Selection::default() };
    let warnings = tree.plan(exclude).expect("it can be planned").warnings;
    assert_eq!(warnings, ["`--exclude nobody` excludes nothing: no package of the workspace matches `nobody`"]);
}

/// Checks the kind and the start of the error for the package in the root of a tree.
#[track_caller]
fn check_error(files: &[(&str, &str)], dir: &str, kind: ErrorKind, start: &str) {
    let tree = Tree::new(files);
    let (found, text) = tree.error(Selection { current_dir: Some(dir.into()), ..Selection::default() });
    assert_eq!(found, kind, "{text}");
    assert!(text.starts_with(start), "{text}");
}

#[test]
fn bad_manifests() {
    use ErrorKind::*;
    check_error(&[("d/x", "")], "d", NoManifest, "there is no Cargo.toml in `TMP/d` or above; ");
    check_error(
        &[("Cargo.toml", "[package\n")],
        "",
        BrokenManifest,
        "unclosed table, expected `]`: at Cargo.toml:1:9 (",
    );
    check_error(
        &[("Cargo.toml", "")],
        "",
        BrokenManifest,
        "failed to parse manifest at `TMP/Cargo.toml`: manifest is missing",
    );
    check_error(
        &[("Cargo.toml", &manifest("a", ""))],
        "",
        BrokenManifest,
        "failed to parse manifest at `TMP/Cargo.toml`: no targets",
    );
    check_error(
        &[("Cargo.toml", "[workspace]\n")],
        "",
        EmptyWorkspace,
        "the workspace has no members (TMP/Cargo.toml); ",
    );
    check_error(
        &[("Cargo.toml", "[workspace]\nmembers = [\"gone\"]\n")],
        "",
        BrokenManifest,
        "failed to load manifest for workspace member `TMP/gone`",
    );
    check_error(
        &[("Cargo.toml", "[workspace]\nmembers = []\n"), ("a/Cargo.toml", &manifest("a", "")), ("a/src/lib.rs", "")],
        "a",
        NotInWorkspace,
        "current package believes it's in a workspace when it's not",
    );
    check_error(&[], "gone", UnreadableDirectory, "cannot read the directory: ");
    check_error(&[("file", "")], "file", UnreadableDirectory, "cannot read the directory: ");
}

#[test]
fn a_manifest_that_is_not_there() {
    let tree = two_members();
    for (path, start) in [
        ("x/Cargo.toml", "the manifest `TMP/x/Cargo.toml` does not exist; "),
        ("a/src/lib.rs", "the manifest `TMP/a/src/lib.rs` is not a Cargo.toml; "),
        ("a/src", "the manifest `TMP/a/src/Cargo.toml` does not exist; "),
    ] {
        let (kind, text) = tree.error(Selection { manifest_path: Some(path.into()), ..Selection::default() });
        assert_eq!(kind, ErrorKind::NoManifest);
        assert!(text.starts_with(start), "{text}");
    }
}

#[test]
fn a_published_package_whose_workspace_is_not_there() {
    let text = manifest(
        "old-one",
        "[features]\ndefault = [\"std\"]\nstd = []\n[dependencies]\nlog = { version = \"0.3\", optional = true }\n\
         serde_json = { version = \"1\", package = \"other\" }\n[[test]]\nname = \"named\"\npath = \"tests/deep/t.rs\"\n\
         [workspace]\nmembers = [\"gone\"]\n",
    );
    let tree = Tree::new(&[
        ("Cargo.toml", &text),
        ("src/lib.rs", ""),
        ("src/main.rs", ""),
        ("src/bin/x.rs", ""),
        ("src/bin/y/main.rs", ""),
        ("tests/deep/t.rs", ""),
        ("tests/it.rs", ""),
    ]);
    let plan = tree.plan(Selection { all_targets: true, ..Selection::default() }).expect("the manifest is enough");
    let lines: Vec<_> = plan.crates.iter().map(|krate| format!("{} {:?}", krate.name, krate.kind)).collect();
    assert_eq!(lines, ["old_one Lib", "old_one Bin", "x Bin", "y Bin", "named Test", "it Test"]);
    assert_eq!(plan.crates[0].cfg.features.iter().collect::<Vec<_>>(), ["default", "std"]);
    let externs: Vec<_> = plan.crates[0].externs.iter().map(|(name, e)| (name.as_str(), e.package.as_str())).collect();
    assert_eq!(externs, [("log", "log"), ("serde_json", "other")]);
    assert_eq!(plan.warnings.len(), 1);
    assert!(
        plan.warnings[0]
            .starts_with("cargo cannot read the workspace, so only this package is analysed: failed to load")
    );
}

#[test]
fn nothing_of_the_project_runs() {
    let program = "#!/bin/sh\ntouch ran\nexec \"$@\"\n";
    let tree = Tree::new(&[
        ("Cargo.toml", &manifest("a", "")),
        ("src/lib.rs", ""),
        (
            ".cargo/config.toml",
            "[build]\nrustc-wrapper = \"./wrap.sh\"\nrustc-workspace-wrapper = \"./wrap.sh\"\nrustc = \"./wrap.sh\"\n",
        ),
        ("wrap.sh", program),
    ]);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(tree.path("wrap.sh"), fs::Permissions::from_mode(0o755)).expect("permissions can be set");
    }
    for dependencies in [false, true] {
        tree.plan(Selection { dependencies, ..Selection::default() }).expect("it can be planned");
    }
    assert!(!tree.path("ran").exists(), "the project's wrapper ran");
}

#[test]
fn dependencies_are_there_only_when_asked_for() {
    let tree = Tree::new(&[
        ("w/Cargo.toml", &manifest("a", "[dependencies]\nd = { path = \"../d\", package = \"dep-d\" }\n[workspace]\n")),
        ("w/src/lib.rs", ""),
        ("d/Cargo.toml", &manifest("dep-d", "[lib]\nname = \"strange\"\n")),
        ("d/src/lib.rs", ""),
    ]);
    let plan_with = |dependencies| {
        let selection = Selection { current_dir: Some("w".into()), dependencies, ..Selection::default() };
        let plan = tree.plan(selection).expect("it can be planned");
        let externs = plan.crates[0].externs.clone();
        (plan.crates.iter().map(|k| (k.name.clone(), k.is_member, k.selected)).collect::<Vec<_>>(), externs)
    };
    let (crates, externs) = plan_with(false);
    assert_eq!(crates, [("a".to_owned(), true, true)]);
    assert_eq!(externs, [("d".to_owned(), ExternCrate { package: "dep-d".into(), krate: None })]);
    let (crates, externs) = plan_with(true);
    assert_eq!(crates, [("a".to_owned(), true, true), ("strange".to_owned(), false, false)]);
    assert_eq!(externs, [("d".to_owned(), ExternCrate { package: "dep-d".into(), krate: Some(1) })]);
}

#[test]
fn files_without_cargo() {
    let plan = Plan::for_files(Path::new("/w"), &["/w/some-file.rs".into()]);
    assert_eq!(plan.crates[0].name, "some_file");
    assert_eq!(plan.crates[0].package_root(), Path::new("/w"));
}
