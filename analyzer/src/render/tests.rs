use super::*;
use crate::finding::{Applicability, Edit, Finding, Fix, Interleaving, Label, Step};
use crate::level::Table;
use crate::report::{Detail, Parts, build};
use crate::suppress::Suppressions;
use crate::testing::{CATALOGUE, OnePackage, finding, site, sources};

const TEXT: &str = "impl Metrics {
    fn add(&self, step: u64) {
        let n = self.hits.load(Relaxed);
        let n = n + step;
        self.hits.store(n, Relaxed);
    }
}
";

fn split(text: &str) -> Finding {
    let step = |thread, action: &str, value: &str, remark: &str| Step {
        thread,
        action: action.to_owned(),
        site: None,
        value: value.to_owned(),
        remark: remark.to_owned(),
    };
    let mut f = finding("split_read_modify_write", text, "self.hits.store(n, Relaxed)", 0);
    f.message = "an update by another thread between these two steps is lost".to_owned();
    f.primary.text = "and written back here, in a separate step".to_owned();
    f.secondary
        .push(Label { site: site(text, "self.hits.load(Relaxed)", 0), text: "the value is read here".to_owned() });
    f.notes.push("`Metrics::hits` is a counter: 3 methods add to it, 1 reads it".to_owned());
    f.interleaving = Some(Interleaving {
        threads: vec!["thread A".to_owned(), "thread B".to_owned()],
        watched: "hits".to_owned(),
        steps: vec![
            step(0, "load → 5", "5", ""),
            step(1, "load → 5", "5", ""),
            step(1, "store 6", "6", ""),
            step(0, "store 6", "6", "two updates, one counted"),
        ],
    });
    f.help = Some("make it one step: `self.hits.fetch_add(step, Relaxed)`".to_owned());
    f.fixes.push(Fix {
        title: "use `fetch_add`".to_owned(),
        applicability: Applicability::MachineApplicable,
        edits: vec![Edit {
            site: site(text, "self.hits.store(n, Relaxed)", 0),
            replacement: "self.hits.fetch_add(step, Relaxed)".to_owned(),
        }],
    });
    f
}

fn report(sources: &Sources, findings: Vec<Finding>, detail: Detail) -> Report {
    let config = crate::config::Config::new(CATALOGUE, Table::default());
    let suppressions = Suppressions::default();
    let parts = Parts { sources, config: &config, suppressions: &suppressions, packages: &OnePackage, detail };
    build(
        &parts,
        findings,
        Vec::new(),
        Coverage { crates: 1, atomic_ops: 2, resolved_ops: 2, locations: 1, ..Coverage::default() },
    )
}

#[test]
fn human_ascii() {
    let sources = sources(TEXT);
    let report = report(&sources, vec![split(TEXT)], Detail::default());
    insta::assert_snapshot!(human::diagnostic(&report.diagnostics[0], &sources, Style::default()), @"
    error[atomic_lint::split_read_modify_write]: an update by another thread between these two steps is lost
      --> src/lib.rs:5:9
      |
    3 |         let n = self.hits.load(Relaxed);
      |                 ----------------------- the value is read here
    4 |         let n = n + step;
    5 |         self.hits.store(n, Relaxed);
      |         ^^^^^^^^^^^^^^^^^^^^^^^^^^^ and written back here, in a separate step
      |
      = `Metrics::hits` is a counter: 3 methods add to it, 1 reads it
      =   thread A    thread B    hits
        1 load → 5                5
        2             load → 5    5
        3             store 6     6
        4 store 6                 6       two updates, one counted
      = help: make it one step: `self.hits.fetch_add(step, Relaxed)`
      = fix: use `fetch_add` (`cargo atomic-lint fix`)
      = more: cargo atomic-lint explain split_read_modify_write
    ");
}

#[test]
fn human_unicode_in_colour() {
    let sources = sources(TEXT);
    let report = report(&sources, vec![split(TEXT)], Detail { verbose: true, ..Detail::default() });
    let style = Style { color: true, unicode: true, width: None };
    let text = human::diagnostic(&report.diagnostics[0], &sources, style).replace('\u{1b}', "␛");
    insta::assert_snapshot!(text, @"
    ␛[1m␛[91merror[atomic_lint::split_read_modify_write]␛[0m␛[1m: an update by another thread between these two steps is lost␛[0m
      ␛[1m␛[94m┌─␛[0m src/lib.rs:5:9
      ␛[1m␛[94m│␛[0m
    ␛[1m␛[94m3␛[0m ␛[1m␛[94m│␛[0m         let n = self.hits.load(Relaxed);
      ␛[1m␛[94m│␛[0m                 ␛[1m␛[94m-----------------------␛[0m ␛[1m␛[94mthe value is read here␛[0m
    ␛[1m␛[94m4␛[0m ␛[1m␛[94m│␛[0m         let n = n + step;
    ␛[1m␛[94m5␛[0m ␛[1m␛[94m│␛[0m         ␛[1m␛[91mself.hits.store(n, Relaxed)␛[0m;
      ␛[1m␛[94m│␛[0m         ␛[1m␛[91m^^^^^^^^^^^^^^^^^^^^^^^^^^^␛[0m ␛[1m␛[91mand written back here, in a separate step␛[0m
      ␛[1m␛[94m│␛[0m
      ␛[1m␛[94m=␛[0m `Metrics::hits` is a counter: 3 methods add to it, 1 reads it
      ␛[1m␛[94m=␛[0m certain; `split_read_modify_write` is at deny: default of correctness
      ␛[1m␛[94m=␛[0m   thread A    thread B    hits
        1 load → 5                5
        2             load → 5    5
        3             store 6     6
        4 store 6                 6       two updates, one counted
      ␛[1m␛[94m=␛[0m help: make it one step: `self.hits.fetch_add(step, Relaxed)`
      ␛[1m␛[94m=␛[0m fix: use `fetch_add` (`cargo atomic-lint fix`)
      ␛[1m␛[94m=␛[0m more: cargo atomic-lint explain split_read_modify_write
    ");
}

#[test]
fn warnings_keep_their_schedule_to_themselves() {
    let sources = sources(TEXT);
    let mut found = split(TEXT);
    found.lint = crate::testing::lint("unpadded_hot_atomics");
    let brief = report(&sources, vec![found.clone()], Detail::default());
    assert!(brief.diagnostics[0].shown_interleaving().is_none());
    let full = report(&sources, vec![found], Detail { explain: true, ..Detail::default() });
    assert!(full.diagnostics[0].interleaving.is_some());
}

#[test]
fn short_form() {
    let sources = sources(TEXT);
    let report = report(&sources, vec![split(TEXT)], Detail::default());
    insta::assert_snapshot!(short::diagnostic(&report.diagnostics[0], &sources), @"src/lib.rs:5:9: error[atomic_lint::split_read_modify_write]: an update by another thread between these two steps is lost");
}

#[test]
fn summaries() {
    let sources = sources(TEXT);
    let mut warning = split(TEXT);
    warning.lint = crate::testing::lint("unpadded_hot_atomics");
    let mut report = report(&sources, vec![split(TEXT), warning], Detail::default());
    insta::assert_snapshot!(summary(&report, Some(0.094), Style { unicode: true, ..Style::default() }), @"1 error, 1 warning in 1 crate · 2 atomic operations, 2 resolved to 1 location · 0.09 s");
    let why = crate::coverage::Why::Code(crate::ir::SkipReason::MacroBody);
    let site = site(TEXT, "load", 0);
    report.coverage.skipped = vec![crate::coverage::Skip { site, why }; 2];
    report.diagnostics.clear();
    insta::assert_snapshot!(summary(&report, None, Style::default()), @"no findings in 1 crate; 2 atomic operations, 2 resolved to 1 location; 2 macro bodies skipped (--coverage)");
    insta::assert_snapshot!(coverage(&report, &sources), @"
    coverage
      0 files, 0 parsed (the others name no atomic or are tests)
      0 functions
      2 atomic operations, 2 resolved to 1 location
      2 macro calls whose arguments are no Rust code:
        src/lib.rs:3:27
        src/lib.rs:3:27
    ");
}

#[test]
fn labels_may_span_lines_and_files() {
    let mut sources = sources("fn f() {\n    é\n}\n");
    sources.files.extend(crate::testing::sources("fn g() {}\n").files);
    sources.files[1].shown = "src/g.rs".to_owned();
    let mut found = finding("redundant_seq_cst", "fn f() {\n    é\n}\n", "fn f() {\n    é\n}", 0);
    found.lint = crate::testing::lint("split_read_modify_write");
    let mut there = site("fn g() {}\n", "g", 0);
    there.file = crate::source::FileId(1);
    found.secondary.push(Label { site: there, text: "here".to_owned() });
    let report = report(&sources, vec![found], Detail::default());
    insta::assert_snapshot!(human::diagnostic(&report.diagnostics[0], &sources, Style::default()), @r"
    error[atomic_lint::split_read_modify_write]: found by redundant_seq_cst
      --> src/lib.rs:1:1
      |
    1 | / fn f() {
    2 | |     é
    3 | | }
      | \-^
      |
      --> src/g.rs:1:4
      |
    1 | fn g() {}
      |    - here
      |
      = more: cargo atomic-lint explain split_read_modify_write
    ");
}

#[test]
fn spans_that_do_not_exist_are_moved_not_fatal() {
    let text = "é\u{301}\r\n\tx";
    let sources = sources(text);
    for (start, end) in [(0, 1), (1, 1), (3, 2), (5, 9999), (9999, 9999), (4, 5)] {
        let mut found = finding("split_read_modify_write", text, "x", 0);
        found.primary.site.span = crate::ir::Span { start, end };
        let report = report(&sources, vec![found], Detail::default());
        assert!(human::diagnostic(&report.diagnostics[0], &sources, Style::default()).contains(" --> src/lib.rs:"));
        json::diagnostic(&report.diagnostics[0], &package(), &sources, Style::default());
    }
}

#[test]
fn an_overlong_line_is_not_shown() {
    let text = format!("let a = \"{}\"; x.store(1);", "a".repeat(5000));
    let sources = sources(&text);
    let report = report(&sources, vec![finding("split_read_modify_write", &text, "x.store(1)", 0)], Detail::default());
    insta::assert_snapshot!(human::diagnostic(&report.diagnostics[0], &sources, Style::default()), @"
    error[atomic_lint::split_read_modify_write]: found by split_read_modify_write
     --> src/lib.rs:1:5013
      = more: cargo atomic-lint explain split_read_modify_write
    ");
}

#[test]
fn configuration_mistakes_are_shown_where_they_stand() {
    let text = "[a]\nperv = \"warn\"\n";
    insta::assert_snapshot!(
        human::snippet("Cargo.toml", text, 4..8, "unknown lint or key `perv`", Some("did you mean `perf`?"), Style::default()),
        @r#"
    error: unknown lint or key `perv`
      --> Cargo.toml:2:1
      |
    2 | perv = "warn"
      | ^^^^
      |
      = help: did you mean `perf`?
    "#
    );
}

fn package() -> json::Package {
    json::Package {
        id: "path+file:///demo#0.1.0".to_owned(),
        manifest_path: "/demo/Cargo.toml".to_owned(),
        target: json::Target {
            kind: vec!["lib".to_owned()],
            crate_types: vec!["lib".to_owned()],
            name: "demo".to_owned(),
            src_path: "/demo/src/lib.rs".to_owned(),
            edition: "2021".to_owned(),
            doc: true,
            doctest: true,
            test: true,
        },
        features: Vec::new(),
    }
}

fn parse(line: &str) -> cargo_metadata::Message {
    cargo_metadata::Message::parse_stream(line.as_bytes()).next().unwrap().unwrap()
}

fn message(text: &str, found: Finding) -> cargo_metadata::diagnostic::Diagnostic {
    let sources = sources(text);
    let report = report(&sources, vec![found], Detail::default());
    match parse(&json::diagnostic(&report.diagnostics[0], &package(), &sources, Style::default())) {
        cargo_metadata::Message::CompilerMessage(m) => m.message,
        other => panic!("{other:?}"),
    }
}

#[test]
fn json_is_cargos() {
    let message = message(TEXT, split(TEXT));
    assert_eq!(message.code.unwrap().code, "atomic_lint::split_read_modify_write");
    let shown: Vec<String> = message
        .children
        .iter()
        .map(|c| {
            let spans = c.spans.iter().map(|s| s.suggested_replacement.clone().unwrap()).collect::<Vec<_>>();
            format!("{:?} {} {spans:?}", c.level, c.message)
        })
        .collect();
    insta::assert_snapshot!(shown.join("\n"), @r#"
    Note `Metrics::hits` is a counter: 3 methods add to it, 1 reads it []
    Note   thread A    thread B    hits
    1 load → 5                5
    2             load → 5    5
    3             store 6     6
    4 store 6                 6       two updates, one counted []
    Help make it one step: `self.hits.fetch_add(step, Relaxed)` []
    Help use `fetch_add` ["self.hits.fetch_add(step, Relaxed)"]
    Help for more, run `cargo atomic-lint explain split_read_modify_write` []
    "#);
    let [primary, secondary] = &message.spans[..] else { panic!("two spans") };
    assert!(primary.is_primary && !secondary.is_primary);
    assert_eq!((primary.line_start, primary.column_start, primary.column_end), (5, 9, 36));
    assert_eq!((primary.text[0].highlight_start, primary.text[0].highlight_end), (9, 36));
    assert_eq!(primary.text[0].text, "        self.hits.store(n, Relaxed);");

    let artifact = parse(&json::artifact(&package()));
    assert!(matches!(artifact, cargo_metadata::Message::CompilerArtifact(a) if !a.fresh));
    let finished = parse(&json::finished(false));
    assert!(matches!(finished, cargo_metadata::Message::BuildFinished(b) if !b.success));
}

#[test]
fn json_columns_count_characters() {
    let text = "\r\n\tlet é😀 = x.store(1);\r\n";
    let message = message(text, finding("split_read_modify_write", text, "x.store(1)", 0));
    let span = &message.spans[0];
    assert_eq!((span.line_start, span.column_start, span.column_end), (2, 11, 21));
    assert_eq!(&text[span.byte_start as usize..span.byte_end as usize], "x.store(1)");
    assert_eq!(span.text[0].text, "\tlet é😀 = x.store(1);");
}
