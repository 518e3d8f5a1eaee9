//! The formats for other machines, held against what their readers demand: the published JSON schema of SARIF, what
//! GitHub's scanner, GitLab and XML parsers refuse, and the promise that a report which was taken apart can be put
//! together again.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::LazyLock;

use atomic_lint_tests::{root, run};
use serde_json::Value;

/// One run over all fixtures with every lint on, which have findings of every shape, in every format.
static REPORTS: LazyLock<BTreeMap<&'static str, String>> = LazyLock::new(|| {
    let dir = tempfile::tempdir().expect("a directory");
    let file = |format: &str| dir.path().join("deep/down").join(format);
    let output = |format: &&str| format!("--output {format}={}", file(format).display());
    let outputs: Vec<String> = FORMATS.iter().map(output).collect();
    run(&root(), &format!("-q -p atomic-lint-fixtures -W all --message-format short {}", outputs.join(" ")));
    FORMATS.iter().map(|f| (*f, std::fs::read_to_string(file(f)).expect("the file was written"))).collect()
});

const FORMATS: [&str; 8] = ["jsonl", "sarif", "github", "gitlab", "junit", "markdown", "short", "json"];

fn fixtures(format: &str) -> &'static str {
    &REPORTS[format]
}

fn array<'v>(value: &'v Value, path: &str) -> &'v [Value] {
    value.pointer(path).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn text<'v>(value: &'v Value, path: &str) -> &'v str {
    value.pointer(path).and_then(Value::as_str).unwrap_or_else(|| panic!("a text at {path} of {value}"))
}

#[test]
fn sarif_keeps_to_the_published_schema() {
    let schema = std::fs::read_to_string(root().join("tests/resources/sarif-schema-2.1.0.json")).expect("the schema");
    let mut schema: Value = serde_json::from_str(&schema).expect("the schema is JSON");
    // Its pattern for a language, which no report of ours names, is no regular expression: a bracket too many.
    for part in ["run", "toolComponent"] {
        let language = schema.pointer_mut(&format!("/definitions/{part}/properties/language"));
        language.and_then(Value::as_object_mut).and_then(|l| l.remove("pattern")).expect("the pattern is still there");
    }
    let validator = jsonschema::validator_for(&schema).expect("the schema is a schema");
    let log: Value = serde_json::from_str(fixtures("sarif")).expect("SARIF is JSON");
    let errors: Vec<String> =
        validator.iter_errors(&log).take(5).map(|e| format!("{e} at {}", e.instance_path())).collect();
    assert!(errors.is_empty(), "{}", errors.join("\n"));
    // The validator can say no.
    assert!(!validator.is_valid(&serde_json::json!({ "version": "2.1.0", "runs": [{ "results": [] }] })));
}

/// What the schema leaves open and GitHub asks for.
#[test]
fn sarif_is_what_code_scanning_reads() {
    let log: Value = serde_json::from_str(fixtures("sarif")).expect("SARIF is JSON");
    let rules = array(&log, "/runs/0/tool/driver/rules");
    for rule in rules {
        assert!(["error", "warning", "recommendation"].contains(&text(rule, "/properties/problem.severity")));
        assert!(!text(rule, "/help/markdown").is_empty() && !text(rule, "/shortDescription/text").is_empty());
        assert!(rule.pointer("/properties/security-severity").is_none());
    }
    let results = array(&log, "/runs/0/results");
    assert!(results.len() > 200, "{}", results.len());
    for result in results {
        let index = result["ruleIndex"].as_u64().expect("an index") as usize;
        assert_eq!(text(&rules[index], "/id"), text(result, "/ruleId"));
        let uri = text(result, "/locations/0/physicalLocation/artifactLocation/uri");
        assert!(root().join(uri).is_file(), "{uri} is relative to the repository");
        let region = result.pointer("/locations/0/physicalLocation/region").expect("a region");
        for field in ["startLine", "startColumn", "endLine", "endColumn"] {
            assert!(region[field].as_u64().is_some_and(|n| n > 0), "{region}");
        }
        assert!(text(result, "/partialFingerprints/primaryLocationLineHash").contains(':'));
        for related in array(result, "/relatedLocations") {
            assert!(related["id"].is_u64() && related["physicalLocation"].is_object());
        }
    }
    let fingerprints: BTreeSet<&str> = results.iter().map(|r| text(r, "/partialFingerprints/atomicLint~1v1")).collect();
    assert_eq!(fingerprints.len(), results.len(), "fingerprints tell findings apart");
}

#[test]
fn sarif_has_a_thread_flow_for_each_thread() {
    let log: Value = serde_json::from_str(fixtures("sarif")).expect("SARIF is JSON");
    let flows: Vec<&Value> = array(&log, "/runs/0/results").iter().flat_map(|r| array(r, "/codeFlows")).collect();
    assert!(flows.len() > 50, "{}", flows.len());
    for flow in flows {
        let threads = array(flow, "/threadFlows");
        let mut orders: Vec<u64> = Vec::new();
        for thread in threads {
            let steps = array(thread, "/locations");
            let of = |step: &Value| step["executionOrder"].as_u64().expect("an order");
            assert!(steps.is_sorted_by_key(of), "a thread's steps stand in their order");
            orders.extend(steps.iter().map(of));
        }
        orders.sort_unstable();
        let all: Vec<u64> = (1..=orders.len() as u64).collect();
        assert_eq!(orders, all, "together the threads make the whole schedule");
    }
}

#[test]
fn github_annotations_are_one_line_each_and_the_worst_come_first() {
    let annotations = fixtures("github");
    let lines: Vec<&str> = annotations.lines().collect();
    let first_warning = lines.iter().position(|l| l.starts_with("::warning ")).expect("warnings");
    assert!(lines[..first_warning].iter().all(|l| l.starts_with("::error ")));
    assert!(lines[first_warning..].iter().all(|l| l.starts_with("::warning ")));
    for line in lines {
        let (properties, message) = line.split_once(' ').and_then(|(_, l)| l.split_once("::")).expect("a command");
        assert!(!message.is_empty());
        for property in properties.split(',') {
            let (key, value) = property.split_once('=').expect("a property");
            assert!(["file", "line", "endLine", "col", "endColumn", "title"].contains(&key), "{line}");
            assert!(!value.is_empty() && !value.contains(':'), "{line}");
        }
    }
}

#[test]
fn gitlab_issues_have_unique_fingerprints_and_real_places() {
    let issues: Value = serde_json::from_str(fixtures("gitlab")).expect("JSON without a byte order mark");
    let issues = issues.as_array().expect("a list");
    let fingerprints: BTreeSet<&str> = issues.iter().map(|i| text(i, "/fingerprint")).collect();
    assert_eq!(fingerprints.len(), issues.len());
    for issue in issues {
        assert!(["info", "minor", "major", "critical", "blocker"].contains(&text(issue, "/severity")));
        assert!(root().join(text(issue, "/location/path")).is_file());
        assert!(issue.pointer("/location/lines/begin").is_some_and(Value::is_u64));
        assert!(!text(issue, "/description").is_empty() && text(issue, "/check_name").contains("::"));
    }
}

/// Tags close in the order in which they were opened, and nothing else looks like a tag.
#[test]
fn junit_is_well_formed() {
    let xml = fixtures("junit");
    let mut open: Vec<&str> = Vec::new();
    let body = xml.strip_prefix("<?xml version=\"1.0\" encoding=\"UTF-8\"?>").expect("the head");
    for tag in body.split('<').skip(1) {
        let (tag, rest) = tag.split_once('>').expect("a tag ends");
        assert!(!rest.contains('>'), "{rest}");
        assert_eq!(tag.matches('"').count(), 2 * tag.matches("=\"").count(), "{tag}");
        match tag.strip_prefix('/') {
            Some(name) => assert_eq!(open.pop(), Some(name)),
            None if tag.ends_with('/') => {}
            None => open.push(tag.split(' ').next().expect("a name")),
        }
    }
    assert!(open.is_empty(), "{open:?}");
    let known = ["amp;", "lt;", "gt;", "quot;", "#10;", "#9;"];
    let entities = body.split('&').skip(1);
    entities.for_each(|rest| assert!(known.iter().any(|k| rest.starts_with(k)), "{rest}"));
    let count = |what: &str| xml.matches(what).count();
    assert!(xml.contains(&format!("failures=\"{}\" errors=\"0\">\n  <testsuite ", count("<failure "))));
}

#[test]
fn several_formats_come_from_one_run_and_agree() {
    for format in ["sarif", "short"] {
        let output =
            run(&root(), &format!("check -q -p atomic-lint-fixtures -W all --message-format {format} --jobs 1"));
        let text = String::from_utf8(output.stdout).expect("reports are text");
        assert!(text == fixtures(format), "{format} is the same in a file and from another run");
    }
    let findings = fixtures("short").lines().count();
    assert_eq!(fixtures("jsonl").lines().filter(|l| l.starts_with("{\"type\":\"finding\"")).count(), findings);
    assert_eq!(fixtures("github").lines().count(), findings);
    assert!(fixtures("json").contains("\"build-finished\""));
}

#[test]
fn jsonl_says_everything() {
    let lines: Vec<Value> =
        fixtures("jsonl").lines().map(|l| serde_json::from_str(l).expect("every line is JSON")).collect();
    assert_eq!(text(&lines[0], "/type"), "run");
    assert_eq!(lines[0]["schema"], 1);
    assert_eq!(text(lines.last().expect("lines"), "/type"), "coverage");
    let findings: Vec<&Value> = lines.iter().filter(|l| l["type"] == "finding").collect();
    for finding in &findings {
        let file = std::fs::read(root().join(text(finding, "/primary/file"))).expect("the file is there");
        let range = |end: &str| finding["primary"][end].as_u64().expect("an offset") as usize;
        assert!(std::str::from_utf8(&file[range("byte_start")..range("byte_end")]).is_ok());
        assert!(["hint", "likely", "certain"].contains(&text(finding, "/confidence")));
        assert!(["warn", "deny", "forbid"].contains(&text(finding, "/level")));
    }
    let some = |path: &str| findings.iter().filter(|f| f.pointer(path).is_some()).count();
    for path in ["/interleaving/steps/0/place/file", "/role/why", "/fixes/0/edits/0/replacement", "/secondary/0/label"]
    {
        assert!(some(path) > 0, "{path}");
    }
}

#[test]
fn parts_merge_to_the_whole() {
    let dir = tempfile::tempdir().expect("a directory");
    let demo = root().join("fixtures/demo");
    let part = |name: &str, flags: &str| {
        let file = dir.path().join(name);
        run(&demo, &format!("-q --workspace --message-format short --output jsonl={} {flags}", file.display()));
        file
    };
    let whole = part("whole", "");
    let parts = [part("1", "--partition 1/2"), part("2", "--partition 2/2")];
    let merged = |files: &[&Path], format: &str| {
        let files: Vec<String> = files.iter().map(|f| f.display().to_string()).collect();
        let output = run(&demo, &format!("merge --message-format {format} {}", files.join(" ")));
        String::from_utf8(output.stdout).expect("text")
    };
    let (one, two) = (merged(&[&whole], "short"), merged(&[&parts[1], &parts[0]], "short"));
    assert!(!one.is_empty());
    assert_eq!(one, two, "both parts together say what one run says, in its order");
    assert_eq!(merged(&[&whole], "sarif"), merged(&[&parts[0], &parts[1]], "sarif"));
    for part in &parts {
        assert_ne!(merged(&[part], "short"), one, "each part is only a part");
    }
}
