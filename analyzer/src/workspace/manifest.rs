//! A package without cargo's help: what `cargo metadata` would print, from the manifest alone.
//!
//! A published crate can name workspace members that were not published with it; cargo then refuses to read the package.
//! Only for that case this makes up the part of cargo's answer that a plan needs: name, edition, features, dependencies,
//! targets as declared and as found in the usual places. Dependency versions and everything about publishing is left out.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use cargo_metadata::Metadata;
use serde_json::{Map, Value, json};
use toml::Table;

/// The answer for the package in `manifest`; `None` if the file holds no package that can be read.
pub(super) fn metadata(manifest: &Path) -> Option<Metadata> {
    let table: Table = fs::read_to_string(manifest).ok()?.parse().ok()?;
    let dir = manifest.parent()?;
    let package = table.get("package").or(table.get("project"))?.as_table()?;
    let field = |name: &str| match package.get(name) {
        Some(toml::Value::String(text)) => Some(text.clone()),
        Some(toml::Value::Table(_)) => table.get("workspace")?.get("package")?.get(name)?.as_str().map(str::to_owned),
        _ => None,
    };
    let name = field("name")?;
    let version = field("version").unwrap_or_else(|| "0.0.0".to_owned());
    let edition = field("edition").unwrap_or_else(|| "2015".to_owned());
    let id = format!("path+file://{}#{name}@{version}", dir.display());
    let own = json!({
        "name": name, "version": version, "id": id, "source": null, "description": null, "license": null,
        "license_file": null, "dependencies": dependencies(&table), "features": features(&table),
        "targets": targets(&table, dir, &name, &edition), "manifest_path": manifest, "edition": edition,
        "metadata": package.get("metadata"), "readme": null, "repository": null, "homepage": null,
        "documentation": null, "links": null, "publish": null, "default_run": null, "rust_version": null,
    });
    let whole = json!({
        "packages": [own], "workspace_members": [id], "workspace_default_members": [id], "resolve": null,
        "workspace_root": dir, "target_directory": dir.join("target"), "build_directory": null,
        "metadata": table.get("workspace").and_then(|w| w.get("metadata")), "version": 1,
    });
    serde_json::from_value(whole).ok()
}

fn dependencies(table: &Table) -> Vec<Value> {
    let kinds =
        [("dependencies", Value::Null), ("dev-dependencies", "dev".into()), ("build-dependencies", "build".into())];
    let mut found = Vec::new();
    for (section, kind) in kinds {
        for (key, value) in table.get(section).and_then(toml::Value::as_table).into_iter().flatten() {
            let package = value.get("package").and_then(toml::Value::as_str);
            let flag = |name: &str, default| value.get(name).and_then(toml::Value::as_bool).unwrap_or(default);
            found.push(json!({
                "name": package.unwrap_or(key), "rename": package.map(|_| key), "source": null, "req": "*", "kind": kind,
                "optional": flag("optional", false), "uses_default_features": flag("default-features", true),
                "features": value.get("features").cloned().unwrap_or(toml::Value::Array(Vec::new())), "target": null,
                "registry": null, "path": null,
            }));
        }
    }
    found
}

/// The declared ones, and one for every optional dependency that is not only mentioned as `dep:name`.
fn features(table: &Table) -> Map<String, Value> {
    let declared = table.get("features").and_then(toml::Value::as_table);
    let mut features: Map<String, Value> =
        declared.into_iter().flatten().map(|(name, list)| (name.clone(), json!(list))).collect();
    let mentioned = json!(features).to_string();
    for (key, value) in table.get("dependencies").and_then(toml::Value::as_table).into_iter().flatten() {
        let optional = value.get("optional").and_then(toml::Value::as_bool).unwrap_or(false);
        let dep = format!("dep:{key}");
        if optional && !mentioned.contains(&format!("\"{dep}\"")) {
            features.entry(key.clone()).or_insert_with(|| json!([dep]));
        }
    }
    features
}

fn targets(table: &Table, dir: &Path, package: &str, edition: &str) -> Vec<Value> {
    let mut targets = Vec::new();
    let mut add = |kind: &str, name: &str, path: &Path, declared: Option<&toml::Value>| {
        let required = declared.and_then(|d| d.get("required-features")).cloned();
        targets.push(json!({
            "kind": [kind], "crate_types": [if kind == "lib" { "lib" } else { "bin" }], "name": name, "src_path": path,
            "edition": edition, "required-features": required.unwrap_or(toml::Value::Array(Vec::new())),
            "doc": kind == "lib", "doctest": kind == "lib", "test": kind != "example" && kind != "bench",
        }));
    };
    let text = |value: Option<&toml::Value>, key: &str| value?.get(key)?.as_str().map(str::to_owned);
    let lib = table.get("lib");
    let path = dir.join(text(lib, "path").unwrap_or_else(|| "src/lib.rs".to_owned()));
    if lib.is_some() || path.is_file() {
        add("lib", &text(lib, "name").unwrap_or_else(|| package.replace('-', "_")), &path, lib);
    }
    for (kind, folder) in [("bin", "src/bin"), ("example", "examples"), ("test", "tests"), ("bench", "benches")] {
        let mut names = BTreeSet::new();
        for declared in table.get(kind).and_then(toml::Value::as_array).into_iter().flatten() {
            let Some(name) = text(Some(declared), "name") else { continue };
            let usual = [dir.join(folder).join(format!("{name}.rs")), dir.join(folder).join(&name).join("main.rs")];
            let main = dir.join("src/main.rs");
            let given = text(Some(declared), "path").map(|path| dir.join(path));
            let path = given.or_else(|| usual.into_iter().find(|p| p.is_file())).unwrap_or(main);
            add(kind, &name, &path, Some(declared));
            names.insert(name);
        }
        let main = dir.join("src/main.rs");
        if kind == "bin" && main.is_file() && names.insert(package.to_owned()) {
            add(kind, package, &main, None);
        }
        let mut entries: Vec<_> =
            fs::read_dir(dir.join(folder)).into_iter().flatten().flatten().map(|e| e.path()).collect();
        entries.sort();
        for entry in entries {
            let Some(name) = entry.file_stem().and_then(|stem| stem.to_str()).map(str::to_owned) else { continue };
            let main = entry.join("main.rs");
            let is_source = entry.extension().is_some_and(|ext| ext == "rs") && entry.is_file();
            if (is_source || main.is_file()) && names.insert(name.clone()) {
                add(kind, &name, if is_source { &entry } else { &main }, None);
            }
        }
    }
    targets
}
