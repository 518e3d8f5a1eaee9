//! Modules and the names in them: items, imports, globs, re-exports, renames, `cfg` alternatives.

use crate::ir::{BodyIdx, Cfg, Item, ItemKind, Path, Use};
use crate::source::FileId;

use super::{BodyId, BodyRef, CrateInput, Def, DefId, ModId, Program, address, vocabulary};
use rustc_hash::{FxHashMap, FxHashSet};
use std::cell::RefCell;
use std::sync::{Arc, OnceLock};

/// The imports that one lookup has come by.
#[derive(Default)]
struct Trail {
    /// How many of them are being followed at this moment.
    depth: usize,
    /// What they led to: nothing, while they are being followed. One that leads back to itself ends there, and one that
    /// leads nowhere is not followed again on every other way to it.
    met: FxHashMap<(usize, Space), Res>,
}

thread_local! {
    static TRAIL: RefCell<Trail> = RefCell::default();
}

/// Forgets what this thread was in the middle of.
pub(super) fn forget_unfinished() {
    TRAIL.take();
}

/// How many imports a lookup follows before it gives up (cycles of re-exports).
const MAX_HOPS: u32 = 24;

/// A module, or the scope of a body that declares items.
#[derive(Debug, Default)]
pub struct Mod<'a> {
    pub name: String,
    pub parent: Option<ModId>,
    pub krate: usize,
    /// Names fall through to the parent (function scopes).
    pub transparent: bool,
    pub names: FxHashMap<&'a str, Vec<Binding<'a>>>,
    pub globs: Vec<Glob<'a>>,
    /// Files of this module that were not lowered, so that its names are not all known.
    pub unread: Vec<FileId>,
    pub(super) children: FxHashMap<String, ModId>,
}

/// `use path::*`.
#[derive(Debug)]
pub struct Glob<'a> {
    pub path: &'a Use,
    pub cfg: &'a Cfg,
    /// What the path leads to, once that is known.
    base: Res,
}

/// What a name in a module stands for.
#[derive(Clone, Debug)]
pub struct Binding<'a> {
    pub kind: BindingKind<'a>,
    pub cfg: &'a Cfg,
}

#[derive(Clone, Debug)]
pub enum BindingKind<'a> {
    Def(DefId),
    Import(&'a Use),
}

/// What a path leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Res {
    Def(DefId),
    /// A variant of an enum of the analysed crates.
    Variant(DefId, String),
    /// Something associated with a type: `Type::new`, `Trait::method`.
    Assoc(DefId, String),
    Mod(ModId),
    /// Something outside of the analysed crates, by path; `core` and `alloc` are called `std`.
    External(String),
    Unknown,
}

/// What kind of thing a name is looked up for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Space {
    Types,
    Values,
}

/// Fills a [`Program`] with modules, items and bodies.
pub(super) struct Builder<'p, 'a> {
    program: &'p mut Program<'a>,
    /// What the `mod name;` items say of the files that they declare.
    declared: FxHashMap<ModId, (Arc<Cfg>, bool)>,
}

/// What an item inherits from its surroundings.
#[derive(Clone)]
struct Around {
    file: FileId,
    module: ModId,
    parent: Option<DefId>,
    krate: usize,
    cfg: Arc<Cfg>,
    is_test: bool,
}

impl<'p, 'a> Builder<'p, 'a> {
    pub(super) fn new(program: &'p mut Program<'a>) -> Self {
        Builder { program, declared: FxHashMap::default() }
    }

    pub(super) fn add_crate(&mut self, index: usize, krate: &CrateInput) {
        let root = self.new_mod(Mod { name: krate.name.clone(), krate: index, ..Mod::default() });
        self.program.crate_roots.push(root);
        let files = self.program.files;
        for (file, path) in &krate.files {
            let mut module = root;
            for segment in path {
                module = self.child(module, segment);
            }
            let Some(lowered) = files.get(file.0 as usize).and_then(Option::as_ref) else {
                self.program.mods[module.index()].unread.push(*file);
                continue;
            };
            // A file that two targets share is analysed where it was first met.
            if let Some(first) = lowered.items.first()
                && self.program.def_ids.contains_key(&address(first))
            {
                self.share(module, &lowered.items);
                continue;
            }
            let (outer, in_tests) = self.declared.get(&module).cloned().unwrap_or_default();
            let cfg = both(&outer, &file_cfg(&lowered.attrs));
            // Where the declaring file was not read, the name must do.
            let named_so = path.iter().any(|s| matches!(s.as_str(), "test" | "tests" | "benches"));
            let around = Around {
                file: *file,
                module,
                parent: None,
                krate: index,
                is_test: krate.is_test || in_tests || named_so || requires_test(&cfg),
                cfg,
            };
            self.add_items(&lowered.items, &around);
        }
    }

    fn new_mod(&mut self, module: Mod<'a>) -> ModId {
        self.program.mods.push(module);
        ModId(self.program.mods.len() as u32 - 1)
    }

    /// The child module of that name, made if it is new. Its binding comes with the `mod` item, or here for
    /// modules whose declaring file was not lowered.
    fn child(&mut self, parent: ModId, name: &str) -> ModId {
        if let Some(&existing) = self.program.mods[parent.index()].children.get(name) {
            return existing;
        }
        let krate = self.program.module(parent).krate;
        let new = self.new_mod(Mod { name: name.to_owned(), parent: Some(parent), krate, ..Mod::default() });
        self.program.mods[parent.index()].children.insert(name.to_owned(), new);
        new
    }

    fn share(&mut self, module: ModId, items: &'a [Item]) {
        for item in items {
            if let Some(&def) = self.program.def_ids.get(&address(item)) {
                self.bind(module, &item.name, BindingKind::Def(def), &item.cfg);
            } else if let ItemKind::Use(u) = &item.kind {
                self.bind_use(module, u, &item.cfg);
            }
        }
    }

    fn bind(&mut self, module: ModId, name: &'a str, kind: BindingKind<'a>, cfg: &'a Cfg) {
        self.program.mods[module.index()].names.entry(name).or_default().push(Binding { kind, cfg });
    }

    fn bind_use(&mut self, module: ModId, u: &'a Use, cfg: &'a Cfg) {
        match &u.rename {
            Some(name) if name == "_" => {}
            Some(name) => self.bind(module, name, BindingKind::Import(u), cfg),
            None => self.program.mods[module.index()].globs.push(Glob { path: u, cfg, base: Res::Unknown }),
        }
    }

    fn add_items(&mut self, items: &'a [Item], around: &Around) {
        for item in items {
            self.add_item(item, around);
        }
    }

    fn add_item(&mut self, item: &'a Item, around: &Around) {
        let cfg = both(&around.cfg, &item.cfg);
        let is_test = around.is_test || requires_test(&item.cfg) || item.attrs.iter().any(is_test_attr);
        match &item.kind {
            ItemKind::Mod(m) => {
                let Some(items) = &m.items else {
                    let child = self.child(around.module, &item.name);
                    self.declared.insert(child, (cfg, is_test));
                    return;
                };
                let module = if m.include { around.module } else { self.child(around.module, &item.name) };
                self.add_items(items, &Around { module, cfg, is_test, ..around.clone() });
                return;
            }
            ItemKind::Use(u) => return self.bind_use(around.module, u, &item.cfg),
            ItemKind::MacroRules | ItemKind::MacroCall { .. } | ItemKind::ExternCrate { .. } => return,
            _ => {}
        }
        let def = DefId(self.program.defs.len() as u32);
        self.program.defs.push(Def {
            item,
            file: around.file,
            scope: around.module,
            parent: around.parent,
            krate: around.krate,
            cfg: cfg.clone(),
            is_test,
        });
        self.program.def_ids.insert(address(item), def);
        if around.parent.is_none() && !item.name.is_empty() {
            self.bind(around.module, &item.name, BindingKind::Def(def), &item.cfg);
        }
        let inside = Around { parent: Some(def), cfg, is_test, ..around.clone() };
        match &item.kind {
            ItemKind::Impl(i) => self.add_items(&i.items, &inside),
            ItemKind::Trait { items, .. } => self.add_items(items, &inside),
            ItemKind::Fn(f) => self.add_body(f.body, def, &inside),
            ItemKind::Static { init, .. } | ItemKind::Const { init, .. } => self.add_body(*init, def, &inside),
            _ => {}
        }
    }

    /// Registers the body and those nested in it; items inside get a scope of their own.
    fn add_body(&mut self, idx: Option<BodyIdx>, owner: DefId, around: &Around) {
        let Some(idx) = idx else { return };
        let files = self.program.files;
        let Some(file) = files.get(around.file.0 as usize).and_then(Option::as_ref) else { return };
        self.register(idx, owner, around, file, None, around.module);
    }

    fn register(
        &mut self,
        idx: BodyIdx,
        owner: DefId,
        around: &Around,
        file: &'a crate::ir::File,
        parent: Option<BodyId>,
        outer: ModId,
    ) {
        let Some(ir) = file.bodies.get(idx.0 as usize) else { return };
        if self.program.body_ids.contains_key(&(around.file, idx)) {
            return;
        }
        let mut scope = outer;
        if !ir.items.is_empty() {
            scope = self.new_mod(Mod { parent: Some(outer), krate: around.krate, transparent: true, ..Mod::default() });
        }
        let id = BodyId(self.program.bodies.len() as u32);
        self.program.bodies.push(BodyRef {
            ir,
            file: around.file,
            idx,
            owner,
            scope,
            parent,
            types: OnceLock::new(),
            targets: OnceLock::new(),
            uses: OnceLock::new(),
        });
        self.program.body_ids.insert((around.file, idx), id);
        if !ir.items.is_empty() {
            let inside = Around { module: scope, parent: None, ..around.clone() };
            self.add_items(&ir.items, &inside);
        }
        let nested: Vec<BodyIdx> = ir
            .values
            .iter()
            .filter_map(|v| match v.kind {
                crate::ir::ValueKind::Closure(b) | crate::ir::ValueKind::AsyncBlock(b) => Some(b),
                _ => None,
            })
            .collect();
        for b in nested {
            self.register(b, owner, around, file, Some(id), scope);
        }
    }
}

/// A name from a foreign glob: only names that the vocabulary knows can be told to come from there.
fn foreign_glob(path: &str, name: &str) -> Res {
    let exports = path.contains("atomic") && crate::ir::Ordering::from_name(name).is_none()
        || path.ends_with("sync")
        || path.ends_with("prelude");
    let known = exports && (vocabulary::by_name(name).is_some() || name == "Ordering" || name == "fence");
    if known { Res::External(format!("{path}::{name}")) } else { Res::Unknown }
}

/// The conjunction of the condition around an item with its own.
fn both(around: &Arc<Cfg>, own: &Cfg) -> Arc<Cfg> {
    match own.is_always() {
        true => around.clone(),
        false => Arc::new(Cfg::clone(around).and(own.clone())),
    }
}

/// The `#![cfg(…)]`s of a file.
fn file_cfg(attrs: &[crate::ir::Attr]) -> Cfg {
    let test = attrs.iter().any(|a| a.path == "cfg" && a.tokens.trim() == "test");
    if test { Cfg::Flag("test".into()) } else { Cfg::always() }
}

fn is_test_attr(attr: &crate::ir::Attr) -> bool {
    let last = attr.path.rsplit("::").next().unwrap_or("");
    matches!(last, "test" | "bench" | "test_case" | "rstest" | "proptest" | "quickcheck" | "wasm_bindgen_test")
}

/// Whether a condition can only hold in a test build.
pub fn requires_test(cfg: &Cfg) -> bool {
    match cfg {
        Cfg::Flag(f) => matches!(f.as_str(), "test" | "bench" | "doctest" | "miri_test"),
        Cfg::All(all) => all.iter().any(requires_test),
        Cfg::Any(any) => !any.is_empty() && any.iter().all(requires_test),
        Cfg::Not(_) | Cfg::Equals(..) => false,
    }
}

/// Whether two conditions exclude each other as written: one demands what the other forbids.
pub fn exclude_each_other(a: &Cfg, b: &Cfg) -> bool {
    fn facts(cfg: &Cfg, out: &mut Vec<(Cfg, bool)>) {
        match cfg {
            Cfg::All(all) => all.iter().for_each(|c| facts(c, out)),
            Cfg::Not(inner) => out.push(((**inner).clone(), false)),
            // `not(any(a, b))` forbids both; `any(a, b)` alone demands neither.
            c => out.push((c.clone(), true)),
        }
    }
    let (mut fa, mut fb) = (Vec::new(), Vec::new());
    facts(a, &mut fa);
    facts(b, &mut fb);
    let single_valued = |k: &str| matches!(k, "target_os" | "target_arch" | "target_pointer_width" | "target_endian");
    fa.iter().any(|(ca, va)| {
        fb.iter().any(|(cb, vb)| match (ca, cb) {
            _ if ca == cb => va != vb,
            (Cfg::Equals(ka, x), Cfg::Equals(kb, y)) if ka == kb && *va && *vb => single_valued(ka) && x != y,
            (c, Cfg::Any(list)) if *va && !*vb => list.contains(c),
            (Cfg::Any(list), c) if !*va && *vb => list.contains(c),
            _ => false,
        })
    })
}

/// Conditions under which code is built only to be checked by a model checker or documented.
fn is_unusual(cfg: &Cfg) -> bool {
    match cfg {
        Cfg::Flag(f) => {
            f.contains("loom")
                || f.contains("shuttle")
                || matches!(f.as_str(), "test" | "doc" | "docsrs" | "miri" | "kani")
        }
        Cfg::Equals(k, v) => k == "feature" && (v.contains("loom") || v.contains("shuttle")),
        Cfg::All(all) => all.iter().any(is_unusual),
        Cfg::Any(any) => any.is_empty() || any.iter().all(is_unusual),
        Cfg::Not(_) => false,
    }
}

impl<'a> Program<'a> {
    /// What a path means where a type (or trait) is expected.
    pub fn resolve_type_path(&self, scope: ModId, path: &Path) -> Res {
        self.resolve_segments(scope, path, Space::Types)
    }

    /// What a path means where a value is expected.
    pub fn resolve_value_path(&self, scope: ModId, path: &Path) -> Res {
        self.resolve_segments(scope, path, Space::Values)
    }

    /// Where the thing outside of the analysed crates lies that an import gives a name.
    pub fn imported_path(&self, scope: ModId, name: &str) -> Option<String> {
        match self.lookup(scope, name, Space::Types, 0) {
            Res::External(path) => Some(path),
            _ => None,
        }
    }

    fn resolve_segments(&self, scope: ModId, path: &Path, space: Space) -> Res {
        let names: Vec<&str> = path.segments.iter().map(|s| s.name.as_str()).collect();
        self.lookup_path(scope, &names, path.global, space, 0)
    }

    fn lookup_path(&self, scope: ModId, names: &[&str], global: bool, space: Space, hops: u32) -> Res {
        let Some((&first, mut rest)) = names.split_first() else { return Res::Unknown };
        if hops > MAX_HOPS {
            return Res::Unknown;
        }
        let krate = self.module(scope).krate;
        let only = rest.is_empty();
        let mut at = match first {
            "crate" | "$crate" => Res::Mod(self.crate_root(krate)),
            "self" => Res::Mod(self.named_module(scope)),
            "super" => {
                let mut m = self.parent_module(self.named_module(scope));
                while let (Some(up), Some(("super", tail))) = (m, rest.split_first().map(|(a, b)| (*a, b))) {
                    m = self.parent_module(up);
                    rest = tail;
                }
                m.map_or(Res::Unknown, Res::Mod)
            }
            _ if global => self.extern_crate(krate, first),
            _ => {
                let found = self.lookup(scope, first, if only { space } else { Space::Types }, hops);
                match found {
                    Res::Unknown => self.extern_crate(krate, first),
                    found => found,
                }
            }
        };
        for (i, name) in rest.iter().enumerate() {
            let last = i + 1 == rest.len();
            at = self.step(at, name, if last { space } else { Space::Types }, hops);
        }
        at
    }

    /// One `::name` further.
    fn step(&self, at: Res, name: &str, space: Space, hops: u32) -> Res {
        match at {
            Res::Mod(m) => self.lookup_in(m, name, space, hops),
            Res::Def(d) => match &self.def(d).item.kind {
                ItemKind::Enum(e) if e.variants.iter().any(|v| v.name == name) => Res::Variant(d, name.to_owned()),
                ItemKind::TypeAlias { ty: Some(crate::ir::Ty::Path(p)), .. } => {
                    let target = self.resolve_segments(self.def(d).scope, p, Space::Types);
                    match target {
                        Res::Unknown => Res::Assoc(d, name.to_owned()),
                        target if target != Res::Def(d) && hops < MAX_HOPS => self.step(target, name, space, hops + 1),
                        _ => Res::Unknown,
                    }
                }
                _ => Res::Assoc(d, name.to_owned()),
            },
            Res::External(path) => Res::External(format!("{path}::{name}")),
            Res::Variant(..) | Res::Assoc(..) | Res::Unknown => Res::Unknown,
        }
    }

    /// A name as seen from inside a module or function scope.
    fn lookup(&self, scope: ModId, name: &str, space: Space, hops: u32) -> Res {
        let mut at = scope;
        loop {
            let found = self.lookup_in(at, name, space, hops);
            if found != Res::Unknown {
                return found;
            }
            let m = self.module(at);
            match m.parent {
                Some(parent) if m.transparent => at = parent,
                _ => break,
            }
        }
        vocabulary::prelude(name).map_or(Res::Unknown, |p| Res::External(p.to_owned()))
    }

    /// A name declared in, imported into or globbed into a module.
    fn lookup_in(&self, module: ModId, name: &str, space: Space, hops: u32) -> Res {
        match self.lookup_own(module, name, space, hops) {
            Res::Unknown => self.lookup_globs(module, name, space, hops),
            found => found,
        }
    }

    /// A name declared in or imported into a module by name.
    fn lookup_own(&self, module: ModId, name: &str, space: Space, hops: u32) -> Res {
        if hops > MAX_HOPS {
            return Res::Unknown;
        }
        let m = self.module(module);
        let mut unusual = Res::Unknown;
        for binding in m.names.get(name).into_iter().flatten() {
            let res = match &binding.kind {
                BindingKind::Def(d) => Res::Def(*d),
                BindingKind::Import(u) => self.import(module, u, space, hops + 1),
            };
            if !self.fits(&res, space) {
                continue;
            }
            if !is_unusual(binding.cfg) {
                return res;
            }
            if unusual == Res::Unknown {
                unusual = res;
            }
        }
        if unusual != Res::Unknown {
            return unusual;
        }
        if space != Space::Values
            && let Some(child) = self.child_module(module, name)
        {
            return Res::Mod(child);
        }
        if !m.unread.is_empty() {
            self.want(&m.unread);
        }
        Res::Unknown
    }

    /// A name that comes in by globs, of this module or of those that it globs: each module is looked at once.
    fn lookup_globs(&self, module: ModId, name: &str, space: Space, hops: u32) -> Res {
        let mut visited = FxHashSet::from_iter([module]);
        let mut queue: Vec<&Glob<'a>> = self.module(module).globs.iter().rev().collect();
        let mut unusual = Res::Unknown;
        while let Some(glob) = queue.pop() {
            let found = match &glob.base {
                Res::Mod(m) if visited.insert(*m) => {
                    queue.extend(self.module(*m).globs.iter().rev());
                    self.lookup_own(*m, name, space, hops + 1)
                }
                Res::Def(d) => match self.step(Res::Def(*d), name, space, hops + 1) {
                    v @ Res::Variant(..) => v,
                    _ => Res::Unknown,
                },
                Res::External(path) => foreign_glob(path, name),
                _ => Res::Unknown,
            };
            if self.fits(&found, space) {
                if !is_unusual(glob.cfg) {
                    return found;
                }
                unusual = found;
            }
        }
        unusual
    }

    /// Finds out what the globs' paths lead to. A path may itself lead through other globs, hence the rounds.
    pub(super) fn link_globs(&mut self) {
        const ROUNDS: usize = 4;
        for _ in 0..ROUNDS {
            let mut changed = false;
            for m in 0..self.mods.len() {
                for g in 0..self.mods[m].globs.len() {
                    let glob = &self.mods[m].globs[g];
                    if glob.base != Res::Unknown {
                        continue;
                    }
                    let names: Vec<&str> = glob.path.path.iter().map(String::as_str).collect();
                    let base = self.import_path(ModId(m as u32), &names, glob.path.global, Space::Types, 0);
                    changed |= base != Res::Unknown;
                    self.mods[m].globs[g].base = base;
                }
            }
            if !changed {
                break;
            }
        }
        self.globs_linked = true;
    }

    /// What an import's path leads to. In the 2015 edition paths start at the crate root, so that is tried too.
    fn import(&self, module: ModId, u: &Use, space: Space, hops: u32) -> Res {
        let key = (std::ptr::from_ref(u) as usize, space);
        if let Some(known) = self.imported.get(&key) {
            return known;
        }
        let met = TRAIL.with_borrow_mut(|t| {
            let met = t.met.get(&key).cloned();
            if met.is_none() {
                t.depth += 1;
                t.met.insert(key, Res::Unknown);
            }
            met
        });
        if let Some(met) = met {
            return met;
        }
        let names: Vec<&str> = u.path.iter().map(String::as_str).collect();
        let found = self.import_path(module, &names, u.global, space, hops);
        let outermost = TRAIL.with_borrow_mut(|t| {
            t.depth -= 1;
            if t.depth == 0 {
                t.met.clear();
            } else {
                t.met.insert(key, found.clone());
            }
            t.depth == 0
        });
        // What stays unknown inside a circle may be known from outside of it. While globs are being linked nothing
        // is final.
        if self.globs_linked && (outermost || found != Res::Unknown) {
            self.imported.insert(key, found.clone());
        }
        found
    }

    fn import_path(&self, module: ModId, names: &[&str], global: bool, space: Space, hops: u32) -> Res {
        if hops > MAX_HOPS {
            return Res::Unknown;
        }
        // `use std::…` inside a module that has an import named `std` would lead back here.
        if let Some(&first) = names.first() {
            let own = self.module(module).names.get(first).into_iter().flatten();
            let circular = own.clone().count() > 0
                && own
                    .clone()
                    .all(|b| matches!(&b.kind, BindingKind::Import(u) if u.path.first().is_some_and(|p| p == first)));
            if circular {
                // `use pool::{self, Pool}` of the 2015 edition, in another module than the root.
                let root = self.crate_root(self.module(module).krate);
                let own = self.child_module(root, first).filter(|_| root != module && !global);
                let mut at = match own {
                    Some(m) if !matches!(first, "std" | "core" | "alloc") => Res::Mod(m),
                    _ => self.extern_crate(self.module(module).krate, first),
                };
                for (i, name) in names.iter().enumerate().skip(1) {
                    at = self.step(at, name, if i + 1 == names.len() { space } else { Space::Types }, hops);
                }
                return at;
            }
        }
        let found = self.lookup_path(module, names, global, space, hops);
        match found {
            Res::Unknown | Res::External(_) if !global => {
                let root = self.crate_root(self.module(module).krate);
                let known_root = names
                    .first()
                    .is_some_and(|f| self.module(root).names.contains_key(f) || self.child_module(root, f).is_some());
                if known_root && root != module {
                    match self.lookup_path(root, names, false, space, hops + 1) {
                        Res::Unknown => found,
                        better => better,
                    }
                } else {
                    found
                }
            }
            found => found,
        }
    }

    fn fits(&self, res: &Res, space: Space) -> bool {
        match (res, space) {
            (Res::Unknown, _) => false,

            (Res::Def(d), Space::Types) => matches!(
                self.def(*d).item.kind,
                ItemKind::Struct(_)
                    | ItemKind::Enum(_)
                    | ItemKind::Union(_)
                    | ItemKind::TypeAlias { .. }
                    | ItemKind::Trait { .. }
            ),
            (Res::Def(d), Space::Values) => matches!(
                self.def(*d).item.kind,
                ItemKind::Struct(_) | ItemKind::Static { .. } | ItemKind::Const { .. } | ItemKind::Fn(_)
            ),
            (Res::Mod(_), Space::Values) => false,
            _ => true,
        }
    }

    pub(super) fn child_module(&self, parent: ModId, name: &str) -> Option<ModId> {
        self.module(parent).children.get(name).copied()
    }

    pub(super) fn named_module(&self, mut scope: ModId) -> ModId {
        while let (true, Some(parent)) = (self.module(scope).transparent, self.module(scope).parent) {
            scope = parent;
        }
        scope
    }

    pub(super) fn parent_module(&self, module: ModId) -> Option<ModId> {
        self.module(module).parent.map(|p| self.named_module(p))
    }

    fn extern_crate(&self, krate: usize, name: &str) -> Res {
        match name {
            "std" | "core" | "alloc" => return Res::External("std".to_owned()),
            _ => {}
        }
        let Some(input) = self.crates.get(krate) else { return Res::External(name.to_owned()) };
        if let Some((_, other)) = input.externs.iter().find(|(n, _)| n == name)
            && let Some(&root) = self.crate_roots.get(*other)
        {
            return Res::Mod(root);
        }
        // An extern prelude name, or something that a macro made: only lower-case names can be crates.
        if name.chars().next().is_some_and(|c| c.is_lowercase()) {
            Res::External(name.to_owned())
        } else {
            Res::Unknown
        }
    }
}
