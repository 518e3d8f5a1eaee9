//! Every item that a path may stand for, each with the conditions on the way: where imports are chosen by
//! `cfg`, a name has several origins, and [`Program::resolve_type_path`] gives the usual one only.

use std::cell::{Cell, RefCell};

use super::modules::BindingKind;
use super::{DefId, ModId, Program};
use crate::ir::{Cfg, ItemKind, Path, Ty};

/// How many imports, aliases and modules are followed.
const MAX_HOPS: u32 = 16;

/// How often one search looks into a module: with globs in both directions, the ways between modules multiply.
const MAX_LOOKS: u32 = 200;

/// An item, under conditions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The full path; `core` and `alloc` as they are written. `None` for a type of the analysed crates.
    pub path: Option<String>,
    pub trail: Trail,
}

/// What was passed on the way.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trail {
    /// The conditions of imports and items.
    pub conditions: Vec<Cfg>,
    /// The modules in which a name was found.
    pub through: Vec<ModId>,
}

impl Trail {
    fn under(&self, cfg: &Cfg) -> Trail {
        let mut trail = self.clone();
        trail.conditions.extend(Some(cfg.clone()).filter(|c| !c.is_always()));
        trail
    }

    fn through_module(&self, module: ModId) -> Trail {
        let mut trail = self.clone();
        trail.through.push(module);
        trail
    }
}

/// A step on the way.
#[derive(Clone)]
enum At {
    Mod(ModId),
    Foreign(String),
    Item(DefId),
}

/// One question, and where its answer is being looked for.
struct Search<'p, 'a> {
    program: &'p Program<'a>,
    /// The modules that are being looked into, and for what: to do it again inside gives nothing new.
    open: RefCell<Vec<(ModId, String)>>,
    looks: Cell<u32>,
}

impl Program<'_> {
    /// What a path to a type may stand for, aliases followed.
    pub fn origins(&self, scope: ModId, path: &Path) -> Vec<Origin> {
        let names: Vec<&str> = path.segments.iter().map(|s| s.name.as_str()).collect();
        let search = Search { program: self, open: RefCell::default(), looks: Cell::default() };
        search.origins_of(scope, &names, path.global, &Trail::default(), 0)
    }
}

impl Search<'_, '_> {
    fn origins_of(&self, scope: ModId, names: &[&str], global: bool, trail: &Trail, hops: u32) -> Vec<Origin> {
        let mut ways = self.ways_at(scope, names, global, trail, hops);
        let mut found = Vec::new();
        while let Some((at, trail)) = ways.pop() {
            match at {
                At::Foreign(path) => found.push(Origin { path: Some(path), trail }),
                At::Item(d) => match &self.program.def(d).item.kind {
                    ItemKind::TypeAlias { ty: Some(Ty::Path(p)), .. } if hops < MAX_HOPS => {
                        let names: Vec<&str> = p.segments.iter().map(|s| s.name.as_str()).collect();
                        found.extend(self.origins_of(self.program.def(d).scope, &names, p.global, &trail, hops + 1));
                    }
                    _ => found.push(Origin { path: None, trail }),
                },
                At::Mod(_) => {}
            }
        }
        found.dedup();
        found
    }

    fn ways_at(&self, scope: ModId, names: &[&str], global: bool, trail: &Trail, hops: u32) -> Vec<(At, Trail)> {
        let Some((first, mut rest)) = names.split_first() else { return Vec::new() };
        if hops > MAX_HOPS {
            return Vec::new();
        }
        let mut ways = match *first {
            "crate" | "$crate" => {
                vec![(At::Mod(self.program.crate_root(self.program.module(scope).krate)), trail.clone())]
            }
            "self" => vec![(At::Mod(self.program.named_module(scope)), trail.clone())],
            "super" => {
                let mut m = self.program.parent_module(self.program.named_module(scope));
                while let (Some(up), Some(("super", tail))) = (m, rest.split_first().map(|(a, b)| (*a, b))) {
                    m = self.program.parent_module(up);
                    rest = tail;
                }
                m.map(|m| (At::Mod(m), trail.clone())).into_iter().collect()
            }
            first if global => vec![(At::Foreign(first.to_owned()), trail.clone())],
            first => self.visible(scope, first, trail, hops),
        };
        for name in rest {
            ways = ways.into_iter().flat_map(|(at, trail)| self.onward(&at, name, &trail, hops)).collect();
        }
        ways
    }

    /// A name as seen from a module or function scope; one that is not declared anywhere is a crate's.
    fn visible(&self, scope: ModId, name: &str, trail: &Trail, hops: u32) -> Vec<(At, Trail)> {
        let mut at = Some(scope);
        while let Some(m) = at {
            let found = self.named_in(m, name, trail, hops);
            if !found.is_empty() {
                return found;
            }
            at = self.program.module(m).parent.filter(|_| self.program.module(m).transparent);
        }
        vec![(At::Foreign(name.to_owned()), trail.clone())]
    }

    fn onward(&self, at: &At, name: &str, trail: &Trail, hops: u32) -> Vec<(At, Trail)> {
        match at {
            At::Mod(m) => self.named_in(*m, name, trail, hops),
            At::Foreign(path) => vec![(At::Foreign(format!("{path}::{name}")), trail.clone())],
            At::Item(_) => Vec::new(),
        }
    }

    fn named_in(&self, module: ModId, name: &str, trail: &Trail, hops: u32) -> Vec<(At, Trail)> {
        let here = (module, name.to_owned());
        if self.open.borrow().contains(&here) || self.looks.replace(self.looks.get() + 1) >= MAX_LOOKS {
            return Vec::new();
        }
        self.open.borrow_mut().push(here);
        let found = self.look_into(module, name, trail, hops);
        self.open.borrow_mut().pop();
        found
    }

    fn look_into(&self, module: ModId, name: &str, trail: &Trail, hops: u32) -> Vec<(At, Trail)> {
        let m = self.program.module(module);
        let trail = &trail.through_module(module);
        let mut found = Vec::new();
        for binding in m.names.get(name).into_iter().flatten() {
            let trail = trail.under(binding.cfg);
            match &binding.kind {
                BindingKind::Def(d) => found.push((At::Item(*d), trail.under(&self.program.def(*d).cfg))),
                // `use std::…` where `std` is no name of the module leads out of it.
                BindingKind::Import(u) => {
                    let names: Vec<&str> = u.path.iter().map(String::as_str).collect();
                    let own = names.first() == Some(&name);
                    found.extend(self.ways_at(module, &names, u.global || own, &trail, hops + 1));
                }
            }
        }
        if found.is_empty()
            && let Some(child) = self.program.child_module(module, name)
        {
            found.push((At::Mod(child), trail.clone()));
        }
        if !found.is_empty() || hops >= MAX_HOPS {
            return found;
        }
        for glob in &m.globs {
            let trail = trail.under(glob.cfg);
            let names: Vec<&str> = glob.path.path.iter().map(String::as_str).collect();
            let bases = self.ways_at(module, &names, glob.path.global, &trail, hops + 2);
            found.extend(bases.into_iter().flat_map(|(at, trail)| match at {
                At::Mod(m) if m != module => self.named_in(m, name, &trail, hops + 2),
                // What a foreign module holds is not known, except for the one of the atomics.
                At::Foreign(path) if path.ends_with("atomic") => vec![(At::Foreign(format!("{path}::{name}")), trail)],
                _ => Vec::new(),
            }));
        }
        found
    }
}
