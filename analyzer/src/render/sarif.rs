//! SARIF 2.1.0 as GitHub code scanning reads it: every result has a full region, a schedule of threads is a code flow
//! with one thread flow per thread, paths are relative to the root of the repository.

use std::collections::BTreeMap;

use serde::Serialize;

use super::record::{Grade, Place, Record, Records, Schedule};
use crate::finding::{Applicability, Confidence};
use crate::lint::{Group, Lint};

const ROOT: &str = "%SRCROOT%";
/// The rule of errors of the source itself.
const SOURCE_ERROR: &str = "source_error";

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Log {
    #[serde(rename = "$schema")]
    schema: &'static str,
    version: &'static str,
    runs: [Run; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Run {
    tool: Tool,
    automation_details: AutomationDetails,
    column_kind: &'static str,
    original_uri_base_ids: BTreeMap<&'static str, BaseId>,
    invocations: [Invocation; 1],
    results: Vec<Outcome>,
}

#[derive(Serialize)]
struct AutomationDetails {
    id: &'static str,
}

#[derive(Serialize)]
struct BaseId {
    description: Message,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Invocation {
    execution_successful: bool,
}

#[derive(Serialize)]
struct Tool {
    driver: Driver,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Driver {
    name: &'static str,
    semantic_version: String,
    information_uri: &'static str,
    rules: Vec<Rule>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Rule {
    id: String,
    name: String,
    short_description: Text,
    full_description: Text,
    help: Help,
    default_configuration: Configuration,
    properties: RuleProperties,
}

#[derive(Serialize)]
struct Configuration {
    level: &'static str,
}

#[derive(Serialize)]
struct Text {
    text: String,
}

#[derive(Serialize)]
struct Help {
    text: String,
    markdown: String,
}

#[derive(Serialize)]
struct RuleProperties {
    tags: Vec<&'static str>,
    precision: &'static str,
    #[serde(rename = "problem.severity")]
    severity: &'static str,
}

#[derive(Serialize)]
struct Message {
    text: String,
}

/// A `result`; the name is taken by the prelude.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Outcome {
    rule_id: String,
    rule_index: usize,
    level: &'static str,
    message: Message,
    locations: [Location; 1],
    #[serde(skip_serializing_if = "Vec::is_empty")]
    related_locations: Vec<Location>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    code_flows: Vec<CodeFlow>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    fixes: Vec<Fix>,
    partial_fingerprints: Fingerprints,
    properties: Properties,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Properties {
    #[serde(skip_serializing_if = "Option::is_none")]
    confidence: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    location: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Fingerprints {
    primary_location_line_hash: String,
    #[serde(rename = "atomicLint/v1")]
    own: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Location {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    physical_location: Option<PhysicalLocation>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<Message>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    logical_locations: Vec<LogicalLocation>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct LogicalLocation {
    fully_qualified_name: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PhysicalLocation {
    artifact_location: ArtifactLocation,
    region: Region,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ArtifactLocation {
    uri: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    uri_base_id: Option<&'static str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Region {
    start_line: u32,
    start_column: u32,
    end_line: u32,
    end_column: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    snippet: Option<Text>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct CodeFlow {
    message: Message,
    thread_flows: Vec<ThreadFlow>,
}

#[derive(Serialize)]
struct ThreadFlow {
    id: String,
    message: Message,
    locations: Vec<ThreadFlowLocation>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ThreadFlowLocation {
    location: Location,
    /// The place of the step in the whole schedule: thread flows alone would lose who comes first.
    execution_order: usize,
    importance: &'static str,
    state: BTreeMap<String, Text>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Fix {
    description: Message,
    artifact_changes: Vec<ArtifactChange>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ArtifactChange {
    artifact_location: ArtifactLocation,
    replacements: Vec<Replacement>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Replacement {
    deleted_region: Region,
    inserted_content: Text,
}

/// `catalogue` is where the pages of the lints are read from.
pub fn render(records: &Records, catalogue: &[&'static Lint]) -> String {
    let mut rules: Vec<Rule> = catalogue.iter().map(|l| rule(l)).collect();
    rules.push(source_error());
    let results = records.findings.iter().map(|f| outcome(f, records, &rules)).collect();
    let log = Log {
        schema: "https://json.schemastore.org/sarif-2.1.0.json",
        version: "2.1.0",
        runs: [Run {
            tool: Tool {
                driver: Driver {
                    name: "cargo-atomic-lint",
                    semantic_version: records.run.version.clone(),
                    information_uri: env!("CARGO_PKG_REPOSITORY"),
                    rules,
                },
            },
            automation_details: AutomationDetails { id: "cargo-atomic-lint/" },
            column_kind: "unicodeCodePoints",
            original_uri_base_ids: BTreeMap::from([(
                ROOT,
                BaseId { description: Message { text: "the root of the repository".to_owned() } },
            )]),
            invocations: [Invocation { execution_successful: true }],
            results,
        }],
    };
    serde_json::to_string_pretty(&log).expect("plain data is JSON") + "\n"
}

fn rule(lint: &Lint) -> Rule {
    let page = lint.page();
    let severity = match lint.group {
        Group::Correctness => "error",
        Group::Suspicious | Group::Perf => "warning",
        Group::Pedantic | Group::Restriction => "recommendation",
    };
    Rule {
        id: format!("atomic_lint::{}", lint.name),
        name: camel(lint.name),
        short_description: Text { text: lint.summary().replace('`', "") },
        full_description: Text { text: lint.summary() },
        help: Help { text: page.clone(), markdown: page },
        default_configuration: Configuration {
            level: if lint.group == Group::Correctness { "error" } else { "warning" },
        },
        properties: RuleProperties {
            tags: vec!["concurrency", lint.topic, lint.group.name()],
            precision: match lint.confidence {
                Confidence::Certain => "very-high",
                Confidence::Likely => "high",
                Confidence::Hint => "medium",
            },
            severity,
        },
    }
}

fn source_error() -> Rule {
    let text = "A source file cannot be read or parsed, so nothing is known of what stands in it.".to_owned();
    Rule {
        id: SOURCE_ERROR.to_owned(),
        name: camel(SOURCE_ERROR),
        short_description: Text { text: text.clone() },
        full_description: Text { text: text.clone() },
        help: Help { text: text.clone(), markdown: text },
        default_configuration: Configuration { level: "error" },
        properties: RuleProperties { tags: vec!["source"], precision: "very-high", severity: "error" },
    }
}

/// `SplitReadModifyWrite`.
fn camel(name: &str) -> String {
    let word = |w: &str| w[..1].to_uppercase() + &w[1..];
    name.split('_').filter(|w| !w.is_empty()).map(word).collect()
}

fn outcome(f: &Record, records: &Records, rules: &[Rule]) -> Outcome {
    let rule_id = f.code().unwrap_or_else(|| SOURCE_ERROR.to_owned());
    // The last rule is that of errors of the source; a lint that this version does not know cannot be named either.
    let rule_index = rules.iter().position(|r| r.id == rule_id).unwrap_or(rules.len() - 1);
    let item = Some(&f.key.item).filter(|item| !item.is_empty());
    let primary = Location {
        logical_locations: item
            .map(|item| LogicalLocation { fully_qualified_name: item.clone() })
            .into_iter()
            .collect(),
        ..location(&f.primary, None, records)
    };
    let related = f.secondary.iter().enumerate().map(|(n, p)| location(p, Some(n + 1), records));
    Outcome {
        rule_id: rules[rule_index].id.clone(),
        rule_index,
        level: match f.severity {
            Grade::Error => "error",
            Grade::Warning => "warning",
        },
        message: Message { text: message(f) },
        locations: [primary],
        related_locations: related.collect(),
        code_flows: f.interleaving.as_ref().map(|i| code_flow(i, f, records)).into_iter().collect(),
        fixes: f.fixes.iter().map(|fix| self::fix(fix, records)).collect(),
        partial_fingerprints: Fingerprints {
            primary_location_line_hash: f.line_hash.clone(),
            own: f.fingerprint.clone(),
        },
        properties: Properties {
            confidence: f.confidence.map(Confidence::name),
            location: Some(f.key.location.clone()).filter(|l| !l.is_empty()),
            role: f.role.as_ref().map(|r| format!("{}: {}", r.is, r.why)),
        },
    }
}

/// The message, with links to the related locations, which GitHub shows only where the text points to them.
fn message(f: &Record) -> String {
    let mut text = f.message.clone();
    for (n, partner) in f.secondary.iter().enumerate().filter(|(_, p)| !p.label.is_empty()) {
        text += &format!("\n[{}]({})", partner.label.replace(['[', ']'], ""), n + 1);
    }
    f.help.iter().for_each(|help| text += &format!("\nhelp: {help}"));
    text
}

fn location(place: &Place, id: Option<usize>, records: &Records) -> Location {
    Location {
        id,
        physical_location: Some(PhysicalLocation {
            artifact_location: artifact(&place.file, records),
            region: Region {
                snippet: Some(place.text.clone()).filter(|t| !t.is_empty()).map(|text| Text { text }),
                ..region(place)
            },
        }),
        message: Some(place.label.clone()).filter(|l| !l.is_empty()).map(|text| Message { text }),
        logical_locations: Vec::new(),
    }
}

fn region(place: &Place) -> Region {
    Region {
        start_line: place.line_start,
        start_column: place.column_start,
        end_line: place.line_end,
        end_column: place.column_end,
        snippet: None,
    }
}

/// A file outside of the workspace has an absolute path and so no base.
fn artifact(file: &str, records: &Records) -> ArtifactLocation {
    let file = records.in_repository(file);
    match std::path::Path::new(&file).is_absolute() {
        true => ArtifactLocation { uri: format!("file://{}", uri(&file)), uri_base_id: None },
        false => ArtifactLocation { uri: uri(&file), uri_base_id: Some(ROOT) },
    }
}

/// Percent-encodes what cannot stand in the path of a URI (RFC 3986, `pchar` and `/`).
fn uri(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    for byte in path.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => out.push(byte.into()),
            b'-' | b'.' | b'_' | b'~' | b'/' | b'!' | b'$' | b'&' | b'\'' | b'(' | b')' => out.push(byte.into()),
            b'*' | b'+' | b',' | b';' | b'=' | b'@' => out.push(byte.into()),
            _ => out += &format!("%{byte:02X}"),
        }
    }
    out
}

fn code_flow(schedule: &Schedule, f: &Record, records: &Records) -> CodeFlow {
    let flow = |(thread, name): (usize, &String)| {
        let steps = schedule.steps.iter().enumerate().filter(|(_, step)| step.thread == thread);
        let locations = steps.map(|(n, step)| {
            let remark = if step.remark.is_empty() { String::new() } else { format!(": {}", step.remark) };
            let text = format!("{}: {}{remark}", n + 1, step.action);
            // GitHub draws no step without a place; one that stands nowhere is shown at the finding.
            let place = step.place.as_ref().unwrap_or(&f.primary);
            let location = Location { message: Some(Message { text }), ..location(place, None, records) };
            ThreadFlowLocation {
                location,
                execution_order: n + 1,
                importance: if step.remark.is_empty() { "important" } else { "essential" },
                state: BTreeMap::from([(schedule.watched.clone(), Text { text: step.value.clone() })]),
            }
        });
        let locations: Vec<_> = locations.collect();
        let message = Message { text: name.clone() };
        // A thread that does nothing visible would be an empty flow, which the format does not have.
        (!locations.is_empty()).then(|| ThreadFlow { id: format!("{}: {name}", thread + 1), message, locations })
    };
    CodeFlow {
        message: Message { text: "the schedule that goes wrong".to_owned() },
        thread_flows: schedule.threads.iter().enumerate().filter_map(flow).collect(),
    }
}

fn fix(fix: &super::record::Remedy, records: &Records) -> Fix {
    let mut files: Vec<&str> = fix.edits.iter().map(|e| e.place.file.as_str()).collect();
    files.dedup();
    let change = |file: &&str| ArtifactChange {
        artifact_location: artifact(file, records),
        replacements: fix
            .edits
            .iter()
            .filter(|e| e.place.file == **file)
            .map(|e| Replacement {
                deleted_region: region(&e.place),
                inserted_content: Text { text: e.replacement.clone() },
            })
            .collect(),
    };
    let doubt = match fix.applicability {
        Applicability::MachineApplicable => "",
        Applicability::MaybeIncorrect => " (may be incorrect)",
        Applicability::HasPlaceholders => " (has placeholders)",
    };
    Fix {
        description: Message { text: format!("{}{doubt}", fix.title) },
        artifact_changes: files.iter().map(change).collect(),
    }
}
