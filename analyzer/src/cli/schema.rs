//! `schema`: the JSON schema of `atomic-lint.toml`, for editors.

use std::io::Write;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Value, json};

use super::Failure;
use crate::lint::{Group, Lint, OPTIONS};
use crate::lints;

/// The settings that are no lints. The reader of the configuration works on spans and so has types of its own.
#[derive(JsonSchema)]
#[schemars(rename_all = "kebab-case", deny_unknown_fields)]
#[allow(dead_code, reason = "its shape is all that is used")]
struct Settings {
    /// Whether every suppression must give a reason.
    require_reasons: Option<bool>,
    /// Levels for files that match globs; later entries win.
    per_file: Option<Vec<PerFile>>,
}

/// Levels for some files.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[allow(dead_code, reason = "its shape is all that is used")]
struct PerFile {
    /// Globs from the directory of this file; `*` stays within a directory, `**` does not.
    files: Strings,
    allow: Option<Strings>,
    warn: Option<Strings>,
    deny: Option<Strings>,
    forbid: Option<Strings>,
}

/// One string or a list.
#[derive(JsonSchema)]
#[schemars(untagged)]
#[allow(dead_code, reason = "its shape is all that is used")]
enum Strings {
    One(String),
    Several(Vec<String>),
}

pub(super) fn run(out: &mut dyn Write) -> Result<(), Failure> {
    out.write_all(text().as_bytes())?;
    Ok(())
}

/// The schema as it is shipped.
pub fn text() -> String {
    serde_json::to_string_pretty(&schema()).expect("a schema is JSON") + "\n"
}

fn schema() -> Schema {
    let mut schema = SchemaGenerator::default().into_root_schema_for::<Settings>();
    schema.insert("title".to_owned(), json!("atomic-lint.toml"));
    schema.insert("description".to_owned(), json!("Levels and options of cargo atomic-lint"));
    let mut names: Vec<(String, Schema)> = vec![
        ("all".to_owned(), level("Every lint.")),
        ("warnings".to_owned(), level("Everything that ends at `warn`.")),
    ];
    names.extend(Group::ALL.map(|g| (g.name().to_owned(), level(&format!("The lints of the group {}.", g.name())))));
    names.extend(lints::ALL.iter().map(|l| (l.name.to_owned(), lint(l))));
    let properties = schema.ensure_object().entry("properties").or_insert_with(|| json!({}));
    if let Value::Object(properties) = properties {
        properties.extend(names.into_iter().map(|(name, schema)| (name, schema.to_value())));
    }
    schema
}

fn level(description: &str) -> Schema {
    json_schema!({ "description": description, "enum": ["allow", "warn", "deny", "forbid"] })
}

/// A level, or a table with a level and the lint's options.
fn lint(lint: &Lint) -> Schema {
    let mut table = serde_json::Map::new();
    table.insert("level".to_owned(), level("How it is reported.").to_value());
    for option in OPTIONS.iter().filter(|o| o.lint == lint.name) {
        let description = format!("Must be {}.", option.expected);
        table.insert(option.key.to_owned(), json!({ "type": "integer", "description": description }));
    }
    json_schema!({
        "description": lint.summary(),
        "default": lint.group.default_level().name(),
        "anyOf": [
            { "enum": ["allow", "warn", "deny", "forbid"] },
            { "type": "object", "properties": table, "additionalProperties": false }
        ]
    })
}
