//! What the source declares besides items with code: macros, imports, modules with their conditions.

use rustc_hash::{FxHashMap, FxHashSet};

use super::Facts;
use crate::finding::Site;
use crate::ir::{Cfg, Item, ItemKind};
use crate::resolve::{ModId, Program};

/// Declarations of the analysed crates that are no definitions.
#[derive(Debug, Default)]
pub struct Declared {
    macros: FxHashSet<String>,
    logs: bool,
    /// Per crate and module path: the conditions of its declarations, and those on which its file is chosen.
    modules: FxHashMap<(usize, Vec<String>), Vec<Cfg>>,
    /// The conditions under which a crate refuses to be compiled.
    refusals: Vec<(usize, Cfg)>,
}

impl Facts<'_> {
    fn declarations(&self) -> &Declared {
        self.declared.get_or_init(|| Declared::of(self.program))
    }

    /// Whether the crates declare a macro of that name themselves.
    pub fn declares_macro(&self, name: &str) -> bool {
        self.declarations().macros.contains(name)
    }

    /// Whether bare `info!` and the like can be a logging crate's: some file imports from one.
    pub fn imports_logging(&self) -> bool {
        self.declarations().logs
    }

    /// The conditions under which `compile_error!` stands in a crate.
    pub fn refusals(&self, krate: usize) -> impl Iterator<Item = &Cfg> {
        self.declarations().refusals.iter().filter(move |(k, _)| *k == krate).map(|(_, cfg)| cfg)
    }

    /// The conditions on a module and those around it: of their declarations, and of the choice of their files.
    pub fn module_conditions(&self, module: ModId) -> Vec<&Cfg> {
        let krate = self.program.module(module).krate;
        let mut path = self.program.module_path(module);
        let mut found = Vec::new();
        while !path.is_empty() {
            found.extend(self.declarations().modules.get(&(krate, path.clone())).into_iter().flatten());
            path.pop();
        }
        found
    }

    /// The name of the macro call (`cfg_net! { … }`) in whose braces a site stands, innermost first.
    pub fn macros_around(&self, site: Site) -> Vec<&str> {
        let text = &self.sources.file(site.file).text;
        let before = text.get(..site.span.start as usize).unwrap_or("");
        let mut depth = 0;
        let mut found = Vec::new();
        for (at, byte) in before.bytes().enumerate().rev() {
            match byte {
                b'}' => depth += 1,
                b'{' if depth > 0 => depth -= 1,
                b'{' => found.extend(macro_name(before[..at].trim_end())),
                _ => {}
            }
        }
        found
    }
}

/// `cfg_net` of `… cfg_net!`.
fn macro_name(head: &str) -> Option<&str> {
    let name = head.strip_suffix('!')?;
    let start = name.rfind(|c: char| !c.is_alphanumeric() && c != '_').map_or(0, |i| i + 1);
    Some(&name[start..]).filter(|n| !n.is_empty())
}

impl Declared {
    fn of(program: &Program<'_>) -> Declared {
        let mut declared = Declared::default();
        for (number, krate) in program.crates.iter().enumerate() {
            for (file, path) in &krate.files {
                if let Some(file) = program.files.get(file.0 as usize).and_then(Option::as_ref) {
                    declared.add(number, &file.items, path);
                }
            }
        }
        declared
    }

    fn add(&mut self, krate: usize, items: &[Item], path: &[String]) {
        for item in items {
            match &item.kind {
                ItemKind::Mod(m) => {
                    let mut inner = path.to_vec();
                    if !item.name.is_empty() {
                        inner.push(item.name.clone());
                    }
                    let conditions = self.modules.entry((krate, inner.clone())).or_default();
                    conditions.push(item.cfg.clone());
                    conditions.extend(item.attrs.iter().filter(|a| a.path == "path").map(|a| a.cfg.clone()));
                    self.add(krate, m.items.as_deref().unwrap_or(&[]), &inner);
                }
                ItemKind::MacroRules => {
                    self.macros.insert(item.name.clone());
                }
                ItemKind::Use(u) => self.logs |= u.path.first().is_some_and(|p| logs(p)),
                ItemKind::ExternCrate { krate } => self.logs |= logs(krate),
                ItemKind::MacroCall { path } if path.last() == "compile_error" => {
                    self.refusals.push((krate, item.cfg.clone()));
                }
                _ => {}
            }
        }
    }
}

fn logs(krate: &str) -> bool {
    matches!(krate, "log" | "tracing" | "slog" | "defmt" | "fastrace" | "log4rs")
}
