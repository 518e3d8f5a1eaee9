//! From TOML to tables of rules, keeping the place of everything.

use std::ops::Range;

use globset::{Glob, GlobBuilder, GlobSetBuilder};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::{Config, ConfigError, Document, DocumentKind, PerFile, line_column};
use crate::level::{Level, Origin, Rule, Table, Target, names, nearest};
use crate::lint::OPTIONS;

/// Keys that are no lints.
const KEYS: [&str; 2] = ["per-file", "require-reasons"];

/// Adds what `document` says to `config`.
pub(super) fn document(config: &mut Config, document: &Document, errors: &mut Vec<ConfigError>) {
    let mut reader = Reader { document, config, errors };
    match DeTable::parse(&document.text) {
        Ok(root) => reader.root(root.get_ref()),
        Err(e) => {
            let span = e.span().unwrap_or(0..0);
            reader.error(span, format!("not valid TOML: {}", e.message().trim_end_matches('.')), None);
        }
    }
}

struct Reader<'a> {
    document: &'a Document,
    config: &'a mut Config,
    errors: &'a mut Vec<ConfigError>,
}

type Entry<'t> = (&'t str, Range<usize>, &'t Spanned<DeValue<'t>>);

impl Reader<'_> {
    fn error(&mut self, span: Range<usize>, message: String, help: Option<String>) {
        let Document { shown, text, .. } = self.document;
        self.errors.push(ConfigError { file: shown.clone(), text: text.clone(), span, message, help });
    }

    fn root(&mut self, root: &DeTable<'_>) {
        let path: &[&str] = match self.document.kind {
            DocumentKind::Workspace => &["workspace", "metadata", "atomic-lint"],
            DocumentKind::Own => &[],
            DocumentKind::Package { .. } => &["package", "metadata", "atomic-lint"],
        };
        let mut table = root;
        for key in path {
            match table.get(*key).map(|v| (v.get_ref(), v.span())) {
                Some((DeValue::Table(inner), _)) => table = inner,
                Some((_, span)) if *key == "atomic-lint" => {
                    return self.error(span, "`atomic-lint` must be a table".to_owned(), None);
                }
                // The rest of a manifest is cargo's to judge.
                _ => return,
            }
        }
        self.settings(table);
    }

    /// The entries of a table in the order in which they stand.
    fn entries<'t>(table: &'t DeTable<'_>) -> Vec<Entry<'t>> {
        let mut entries: Vec<Entry<'t>> = table.iter().map(|(k, v)| (k.get_ref().as_ref(), k.span(), v)).collect();
        entries.sort_by_key(|(_, span, _)| span.start);
        entries
    }

    fn settings(&mut self, table: &DeTable<'_>) {
        let mut rules = Vec::new();
        for (key, span, value) in Self::entries(table) {
            match key {
                "require-reasons" => match value.get_ref() {
                    DeValue::Boolean(b) => self.config.require_reasons = *b,
                    _ => self.error(value.span(), "`require-reasons` must be `true` or `false`".to_owned(), None),
                },
                "per-file" => self.per_file(value),
                _ => rules.extend(self.setting(key, span, value)),
            }
        }
        let table = Table::unordered(rules);
        match &self.document.kind {
            DocumentKind::Package { name } => drop(self.config.packages.insert(name.clone(), table)),
            DocumentKind::Workspace | DocumentKind::Own => self.config.workspace.push(table),
        }
    }

    /// `name = "level"`, `name = { level = "level", option = value }`.
    fn setting(&mut self, key: &str, span: Range<usize>, value: &Spanned<DeValue<'_>>) -> Option<Rule> {
        let target = match Target::parse(key, self.config.catalogue) {
            Ok(target) => target,
            Err(_) => {
                let known = names(self.config.catalogue).chain(KEYS);
                let help = nearest(key, known).map(|n| format!("did you mean `{n}`?"));
                self.error(span, format!("unknown lint or key `{key}`"), help.or_else(list_hint));
                return None;
            }
        };
        match value.get_ref() {
            DeValue::String(_) => {}
            DeValue::Table(table) => return self.setting_with_options(target, span, table),
            _ => {
                let help = "write `\"warn\"` or `{ level = \"warn\" }`".to_owned();
                self.error(value.span(), format!("the level of `{key}` must be a string"), Some(help));
                return None;
            }
        }
        let level = self.level(value)?;
        Some(Rule { target, level, origin: self.origin(span.start, false) })
    }

    fn setting_with_options(&mut self, target: Target, span: Range<usize>, table: &DeTable<'_>) -> Option<Rule> {
        let mut level = None;
        for (key, key_span, value) in Self::entries(table) {
            match (key, target) {
                ("level", _) => level = self.level(value),
                (_, Target::Lint(lint)) => self.option(lint.name, key, key_span, value),
                _ => self.error(key_span, "options belong to a lint, not to a group".to_owned(), None),
            }
        }
        Some(Rule { target, level: level?, origin: self.origin(span.start, false) })
    }

    fn option(&mut self, lint: &'static str, key: &str, span: Range<usize>, value: &Spanned<DeValue<'_>>) {
        let known = || OPTIONS.iter().filter(|o| o.lint == lint);
        let Some(option) = known().find(|o| o.key == key) else {
            let help = nearest(key, known().map(|o| o.key).chain(["level"])).map(|n| format!("did you mean `{n}`?"));
            return self.error(span, format!("`{lint}` has no option `{key}`"), help);
        };
        if matches!(&self.document.kind, DocumentKind::Package { .. } if self.document.shown.contains('/')) {
            let help = "write it in `[workspace.metadata.atomic-lint]` or `atomic-lint.toml`".to_owned();
            return self.error(span, format!("`{key}` holds for the whole workspace"), Some(help));
        }
        let number = match value.get_ref() {
            DeValue::Integer(i) => u64::from_str_radix(i.as_str(), i.radix()).ok(),
            _ => None,
        };
        match number.filter(|n| (option.accepts)(*n)) {
            Some(n) => self.config.options.set(option.lint, option.key, n),
            None => self.error(value.span(), format!("`{key}` must be {}", option.expected), None),
        }
    }

    fn level(&mut self, value: &Spanned<DeValue<'_>>) -> Option<Level> {
        let written = match value.get_ref() {
            DeValue::String(s) => s.as_ref(),
            _ => "",
        };
        let level = Level::parse(written);
        if level.is_none() {
            let help = nearest(written, Level::ALL.map(Level::name)).map(|n| format!("did you mean `{n}`?"));
            let message = "a level is `allow`, `warn`, `deny` or `forbid`".to_owned();
            self.error(value.span(), message, help);
        }
        level
    }

    /// `[{ files = ["benches/**"], allow = ["perf"], deny = [] }]`.
    fn per_file(&mut self, value: &Spanned<DeValue<'_>>) {
        let DeValue::Array(entries) = value.get_ref() else {
            let help = "write `per-file = [{ files = [\"benches/**\"], allow = [\"perf\"] }]`".to_owned();
            return self.error(value.span(), "`per-file` must be a list of tables".to_owned(), Some(help));
        };
        for entry in entries.iter() {
            match entry.get_ref() {
                DeValue::Table(table) => self.per_file_entry(table, entry.span()),
                _ => self.error(entry.span(), "an entry of `per-file` must be a table".to_owned(), None),
            }
        }
    }

    fn per_file_entry(&mut self, table: &DeTable<'_>, span: Range<usize>) {
        let mut globs = GlobSetBuilder::new();
        let (mut has_files, mut rules, mut shown) = (false, Vec::new(), Vec::new());
        for (key, key_span, value) in Self::entries(table) {
            if key == "files" {
                has_files = true;
                self.strings(key, value, |reader, written, span| match glob(written) {
                    Ok(glob) => {
                        shown.push(glob.glob().to_owned());
                        globs.add(glob);
                    }
                    Err(e) => reader.error(span, format!("not a glob: {}", e.kind()), None),
                });
            } else if let Some(level) = Level::parse(key) {
                self.strings(key, value, |reader, written, span| {
                    match Target::parse(written, reader.config.catalogue) {
                        Ok(target) => {
                            rules.push(Rule { target, level, origin: reader.origin(span.start, true) });
                        }
                        Err(e) => {
                            let help = e.nearest.map(|n| format!("did you mean `{n}`?"));
                            reader.error(span, format!("unknown lint `{written}`"), help.or_else(list_hint));
                        }
                    }
                });
            } else {
                let known = Level::ALL.map(Level::name).into_iter().chain(["files"]);
                let help = nearest(key, known).map(|n| format!("did you mean `{n}`?"));
                self.error(key_span, format!("`per-file` has no key `{key}`"), help);
            }
        }
        if !has_files {
            self.error(span.clone(), "an entry of `per-file` needs `files`".to_owned(), None);
        }
        match globs.build() {
            Ok(files) => {
                let base = self.document.shown.rfind('/').map_or("", |n| &self.document.shown[..=n]).to_owned();
                self.config.per_file.push(PerFile {
                    shown: format!("{base}{}", shown.join(", ")),
                    base,
                    files,
                    table: Table::unordered(rules),
                });
            }
            // Each glob is valid; together they can still be too large for one automaton.
            Err(e) => self.error(span, format!("these globs cannot be used together: {e}"), None),
        }
    }

    /// Calls `each` with every string of a list (or with the one string) and its place.
    fn strings(
        &mut self,
        key: &str,
        value: &Spanned<DeValue<'_>>,
        mut each: impl FnMut(&mut Self, &str, Range<usize>),
    ) {
        let message = || format!("`{key}` must be a list of strings");
        match value.get_ref() {
            DeValue::String(s) => each(self, s, value.span()),
            DeValue::Array(values) => {
                for value in values.iter() {
                    match value.get_ref() {
                        DeValue::String(s) => each(self, s, value.span()),
                        _ => self.error(value.span(), message(), None),
                    }
                }
            }
            _ => self.error(value.span(), message(), None),
        }
    }

    fn origin(&self, offset: usize, per_file: bool) -> Origin {
        let (line, column) = line_column(&self.document.text, offset);
        Origin::Config { place: format!("{}:{line}:{column}", self.document.shown), per_file }
    }
}

fn list_hint() -> Option<String> {
    Some("`cargo atomic-lint list` shows all".to_owned())
}

/// `*` stays within a directory, `**` does not.
fn glob(written: &str) -> Result<Glob, globset::Error> {
    GlobBuilder::new(written).literal_separator(true).build()
}
