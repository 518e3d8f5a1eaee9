//! Witnesses of findings, run under loom: the reported code's shape fails, the proposed one passes.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use atomic_lint_tests::{cargo, root, run};
use cargo_atomic_lint::cli::Status;
use cargo_atomic_lint::driver::{self, Request};
use cargo_atomic_lint::lint::Options;
use cargo_atomic_lint::lints;
use cargo_atomic_lint::source::Unsaved;
use cargo_atomic_lint::witness::operations::Operations;
use cargo_atomic_lint::witness::{self, MANIFEST, Subject};
use cargo_atomic_lint::workspace::{self, Selection};

/// Every finding in the firing fixtures of a supported lint, each program once.
#[test]
fn witnesses_of_all_fixtures_fail_as_reported_and_pass_as_suggested() {
    let programs = programs();
    for lint in witness::lints() {
        assert!(programs.values().any(|why| why.starts_with(lint)), "{lint} has a witness, but none of its fixtures");
    }
    // Below `target`, so that loom is built once.
    let dir = root().join("target/witnesses");
    write_package(&dir, &programs);
    let output = Command::new(cargo())
        .args(["test", "--quiet", "--no-fail-fast", "--", "--test-threads", "2"])
        .current_dir(&dir)
        .env_remove("RUSTFLAGS")
        .env("CARGO_TARGET_DIR", dir.join("target"))
        .env("RUST_BACKTRACE", "0")
        .env("LOOM_LOG", "off")
        .output()
        .expect("cargo can be started");
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let failed: Vec<&str> = stdout.lines().map(str::trim).filter(|l| l.starts_with('w') && l.contains("::")).collect();
    assert!(stdout.contains("test result"), "the witnesses do not compile:\n{stderr}\n{stdout}");
    let mut wrong = String::new();
    for (n, (program, why)) in programs.iter().enumerate() {
        for (name, fails) in [("reported", true), ("suggested", false)] {
            let test = format!("w{n}::{name}");
            if failed.contains(&test.as_str()) != fails {
                let is = if fails { "passes" } else { "fails" };
                wrong += &format!("\n`{name}` {is} ({test}: {why}):\n{program}\n");
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}{stdout}");
    assert!(!stderr.contains("warning"), "{stderr}");
}

/// The text without its head → the lint and where the first finding like it stands.
fn programs() -> BTreeMap<String, String> {
    let selection = Selection { manifest_path: Some(root().join("fixtures/Cargo.toml")), ..Selection::default() };
    let plan = workspace::plan(&selection).expect("the fixtures can be planned");
    let (options, lints) = (Options::default(), lints::ALL.to_vec());
    let request = Request { jobs: None, tests: false, lints, options: &options, unsaved: Unsaved::new(), watch: None };
    let (analysis, operations) = driver::analyze_and(&plan, &request, Operations::of).expect("threads can be started");
    let mut programs = BTreeMap::new();
    let mut without: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for finding in analysis.findings.iter().filter(|f| witness::lints().any(|l| l == f.lint.name)) {
        let file = analysis.sources.file(finding.primary.site.file);
        let place =
            format!("{} at {}:{}", finding.lint.name, file.shown, file.line_col(finding.primary.site.span.start).line);
        match witness::of(Subject::of(finding), &operations, &analysis.sources) {
            Ok(text) => {
                let body = text.split_once("#![cfg(test)]\n").expect("a witness is test code").1;
                programs.entry(body.to_owned()).or_insert(place);
            }
            Err(_) => without.entry(finding.lint.name).or_default().push(place),
        }
    }
    println!("{} programs; findings without one: {without:#?}", programs.len());
    programs
}

fn write_package(dir: &Path, programs: &BTreeMap<String, String>) {
    std::fs::create_dir_all(dir).expect("a folder can be made");
    let modules = programs.keys().enumerate().map(|(n, program)| format!("mod w{n} {{\n{program}}}\n"));
    let text = format!("#![cfg(test)]\n{}", modules.collect::<String>());
    std::fs::write(dir.join("witness.rs"), text).expect("a file can be written");
    std::fs::write(dir.join("Cargo.toml"), MANIFEST).expect("a file can be written");
    // The versions that are built and vetted here, and nothing fetched.
    std::fs::copy(root().join("Cargo.lock"), dir.join("Cargo.lock")).expect("the lock file can be copied");
}

/// By hand, as a user would.
#[test]
fn the_command_writes_a_package() {
    let dir = tempfile::tempdir().expect("a folder can be made");
    let out = dir.path().join("w");
    let demo = root().join("fixtures/demo");
    let findings = run(&demo, "check --message-format short --workspace");
    let findings = String::from_utf8_lossy(&findings.stdout).into_owned();
    let line = findings.lines().find(|l| l.contains("split_read_modify_write")).expect("the demo shows one");
    let place: Vec<&str> = line.splitn(4, ':').collect();
    let named = format!("{}:{}:split_read_modify_write", place[0], place[1]);
    let ran = run(&demo, &format!("witness {named} --workspace --out {}", out.display()));
    assert_eq!(ran.status, Status::Clean, "{}", String::from_utf8_lossy(&ran.stderr));
    assert!(String::from_utf8_lossy(&ran.stdout).contains("cargo test --manifest-path"));
    let test = std::fs::read_to_string(out.join("witness.rs")).expect("the test is written");
    assert!(test.contains("fn reported()") && test.contains("fn suggested()"), "{test}");
    assert_eq!(std::fs::read_to_string(out.join("Cargo.toml")).expect("the manifest is written"), MANIFEST);
    // The same without `--out`, printed.
    let printed = run(&demo, &format!("witness {named} --workspace"));
    assert_eq!(String::from_utf8_lossy(&printed.stdout), test);
    // What is no witness is not overwritten.
    std::fs::write(out.join("Cargo.toml"), "[package]\nname = \"mine\"\n").expect("a file can be written");
    let ran = run(&demo, &format!("witness {named} --workspace --out {}", out.display()));
    assert_eq!(ran.status, Status::Failed);
    assert!(String::from_utf8_lossy(&ran.stderr).contains("holds another package"));
}

#[test]
fn what_has_no_witness_is_said() {
    let demo = root().join("fixtures/demo");
    let error = |line: &str| {
        let ran = run(&demo, line);
        assert_eq!(ran.status, Status::Failed, "{line}");
        String::from_utf8_lossy(&ran.stderr).into_owned()
    };
    assert!(error("witness src/nowhere.rs:1").contains("no finding is at `src/nowhere.rs:1`"));
}
