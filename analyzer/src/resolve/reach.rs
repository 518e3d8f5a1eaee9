//! Which items users of a crate can name: public ones in public modules, and what `pub use` brings out.

use rustc_hash::{FxHashMap, FxHashSet};

use super::{DefId, ModId, Program, Res};
use crate::ir::{Item, ItemKind, Path, Span, Use, Vis};

/// Items of each module, with those of its files and inline bodies.
type Contents<'a> = FxHashMap<ModId, Vec<&'a Item>>;

impl<'a> Program<'a> {
    /// Whether users of its crate can name an item (a method: whether they can name its type and it is public).
    pub fn is_reachable(&self, def: DefId) -> bool {
        let named = |d: DefId| self.reachable.get_or_init(|| self.find_reachable()).contains(&d);
        let d = self.def(def);
        match d.parent.map(|p| &self.def(p).item.kind) {
            Some(ItemKind::Impl(i)) => {
                (i.of_trait.is_some() || d.item.vis == Vis::Pub) && self.self_adt(def).is_none_or(named)
            }
            _ => named(def),
        }
    }

    fn find_reachable(&self) -> FxHashSet<DefId> {
        let mut contents = Contents::default();
        for (index, krate) in self.crates.iter().enumerate() {
            for (file, path) in &krate.files {
                let mut module = Some(self.crate_root(index));
                for segment in path {
                    module = module.and_then(|m| self.module(m).children.get(segment).copied());
                }
                let file = self.files.get(file.0 as usize).and_then(Option::as_ref);
                if let (Some(module), Some(file)) = (module, file) {
                    self.gather(module, &file.items, &mut contents);
                }
            }
        }
        let mut found = FxHashSet::default();
        let mut opened = FxHashSet::default();
        let mut queue: Vec<ModId> = (0..self.crates.len()).map(|c| self.crate_root(c)).collect();
        while let Some(module) = queue.pop() {
            if !opened.insert(module) {
                continue;
            }
            for item in contents.get(&module).map_or(&[][..], |v| v) {
                if item.vis != Vis::Pub {
                    continue;
                }
                match &item.kind {
                    ItemKind::Mod(m) if !m.include => {
                        queue.extend(self.module(module).children.get(&item.name));
                    }
                    ItemKind::Use(u) => match self.resolve_type_path(module, &as_path(u)) {
                        Res::Def(d) => {
                            found.insert(d);
                        }
                        Res::Mod(m) => queue.push(m),
                        _ => {
                            if let Res::Def(d) = self.resolve_value_path(module, &as_path(u)) {
                                found.insert(d);
                            }
                        }
                    },
                    _ => found.extend(self.def_of(item)),
                }
            }
        }
        // Public aliases bring their types out.
        let aliases: Vec<DefId> = found.iter().copied().collect();
        for alias in aliases {
            if let ItemKind::TypeAlias { ty: Some(ty), .. } = &self.def(alias).item.kind
                && let super::Type::Adt(adt, _) = self.lower_type(alias, ty)
            {
                found.insert(adt);
            }
        }
        found
    }

    fn gather(&self, module: ModId, items: &'a [Item], contents: &mut Contents<'a>) {
        contents.entry(module).or_default().extend(items);
        for item in items {
            if let ItemKind::Mod(m) = &item.kind
                && let Some(inner) = &m.items
            {
                let child =
                    if m.include { Some(module) } else { self.module(module).children.get(&item.name).copied() };
                if let Some(child) = child {
                    self.gather(child, inner, contents);
                }
            }
        }
    }
}

fn as_path(u: &Use) -> Path {
    Path { global: u.global, ..Path::of_names(u.path.iter().map(String::as_str), Span::new(0, 0)) }
}
