//! Names, types and places across the analysed crates.
//!
//! [`Program::build`] numbers every module, item and body; names are looked up on demand ([`modules`]), types of
//! values are inferred on demand ([`infer`]), and [`places`] says which piece of memory an operation touches,
//! through references, smart pointers and accessors. Nothing here fails: what cannot be decided is unknown.

pub mod calls;
mod closures;
pub mod infer;
pub(crate) mod memo;
pub mod modules;
pub mod origin;
pub mod places;
pub mod reach;
pub mod types;
pub mod vocabulary;
mod written;

use std::sync::{Arc, Mutex, OnceLock};

use rustc_hash::{FxHashMap, FxHashSet};

use crate::ir::{self, BodyIdx, Cfg, Item, ItemKind};
use crate::source::FileId;
use memo::Memo;
pub use modules::{Binding, Mod, Res};
pub use types::{Atomic, Known, Type};

macro_rules! id {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(pub u32);

        impl $name {
            pub fn index(self) -> usize {
                self.0 as usize
            }
        }
    )*};
}

id! {
    /// A module, or the anonymous scope of a function that declares items.
    ModId;
    /// An item of the analysed crates.
    DefId;
    /// A function, closure, `async` block or initialiser of the analysed crates.
    BodyId;
}

/// A crate to analyse: its files, each with the module path it stands at.
#[derive(Debug, Clone, Default)]
pub struct CrateInput {
    pub name: String,
    /// Files in the order of their discovery, the root first (empty path). One file may stand at several paths.
    pub files: Vec<(FileId, Vec<String>)>,
    /// The names under which other analysed crates are visible here, with their position in the input.
    pub externs: Vec<(String, usize)>,
    /// Everything in it is test code: an integration test, bench or example target.
    pub is_test: bool,
    /// The conditions that are known to hold or not to hold.
    pub links_std: bool,
    /// The minor version of the oldest Rust 1 that the package promises to build with.
    pub rust_minor: Option<u64>,
}

/// An item with its surroundings.
#[derive(Debug)]
pub struct Def<'a> {
    pub item: &'a Item,
    pub file: FileId,
    /// The module (or function scope) whose names it sees.
    pub scope: ModId,
    /// The impl or trait it belongs to.
    pub parent: Option<DefId>,
    pub krate: usize,
    /// All conditions around it.
    pub cfg: Arc<Cfg>,
    pub is_test: bool,
}

/// A body with its surroundings.
#[derive(Debug)]
pub struct BodyRef<'a> {
    pub ir: &'a ir::Body,
    pub file: FileId,
    pub idx: BodyIdx,
    /// The function, static or const whose code it is part of.
    pub owner: DefId,
    /// Where names are looked up.
    pub scope: ModId,
    pub parent: Option<BodyId>,
    /// Per value.
    types: OnceLock<Box<[OnceLock<Type>]>>,
    /// Per event: what its call reaches.
    targets: OnceLock<Box<[OnceLock<calls::Target>]>>,
    uses: OnceLock<Uses>,
}

impl BodyRef<'_> {
    fn type_cell(&self, value: ir::ValueId) -> Option<&OnceLock<Type>> {
        self.types.get_or_init(|| empty_cells(self.ir.values.len())).get(value.index())
    }

    fn target_cell(&self, event: usize) -> Option<&OnceLock<calls::Target>> {
        self.targets.get_or_init(|| empty_cells(self.ir.events.len())).get(event)
    }
}

fn empty_cells<T>(count: usize) -> Box<[OnceLock<T>]> {
    std::iter::repeat_with(OnceLock::new).take(count).collect()
}

/// Everything that was lowered, with its names linked.
#[derive(Debug)]
pub struct Program<'a> {
    pub files: &'a [Option<ir::File>],
    pub crates: Vec<CrateInput>,
    pub mods: Vec<Mod<'a>>,
    pub defs: Vec<Def<'a>>,
    pub bodies: Vec<BodyRef<'a>>,
    body_ids: FxHashMap<(FileId, BodyIdx), BodyId>,
    /// By the item's address.
    def_ids: FxHashMap<usize, DefId>,
    crate_roots: Vec<ModId>,
    /// Inherent and trait methods by the type they are written for.
    methods: FxHashMap<DefId, FxHashMap<&'a str, Vec<DefId>>>,
    /// Impl blocks by self type.
    pub impls: FxHashMap<DefId, Vec<DefId>>,
    /// Impl blocks by (in-crate) trait.
    pub trait_impls: FxHashMap<DefId, Vec<DefId>>,
    /// Methods of traits written for types that are not the program's own, by name.
    foreign_methods: FxHashMap<&'a str, Vec<DefId>>,
    deref_targets: FxHashMap<DefId, (DefId, &'a ir::Ty)>,
    /// What imports lead to, once followed.
    imported: Memo<(usize, modules::Space), Res>,
    /// Types as written, by the item whose names they see and their address.
    lowered: Memo<(DefId, usize), Type>,
    globs_linked: bool,
    wanted: Mutex<FxHashSet<FileId>>,
    accessors: Vec<OnceLock<Option<places::Accessor>>>,
    reachable: OnceLock<FxHashSet<DefId>>,
}

/// Forgets which questions this thread was answering when it panicked: they would look like circles to the next one.
pub fn forget_unfinished() {
    infer::forget_unfinished();
    modules::forget_unfinished();
    places::forget_unfinished();
}

/// Where an item stands in memory, as a number: pointers are not shared between threads.
fn address(item: &Item) -> usize {
    std::ptr::from_ref(item).addr()
}

impl<'a> Program<'a> {
    /// Links the lowered files of `crates`. `files` is indexed by [`FileId`]; a file that was not lowered is `None`.
    pub fn build(files: &'a [Option<ir::File>], crates: Vec<CrateInput>) -> Program<'a> {
        let mut program = Program {
            files,
            crates: Vec::new(),
            mods: Vec::new(),
            defs: Vec::new(),
            bodies: Vec::new(),
            body_ids: FxHashMap::default(),
            def_ids: FxHashMap::default(),
            crate_roots: Vec::new(),
            methods: FxHashMap::default(),
            impls: FxHashMap::default(),
            trait_impls: FxHashMap::default(),
            foreign_methods: FxHashMap::default(),
            deref_targets: FxHashMap::default(),
            imported: Memo::default(),
            lowered: Memo::default(),
            globs_linked: false,
            wanted: Mutex::new(FxHashSet::default()),
            accessors: Vec::new(),
            reachable: OnceLock::new(),
        };
        let mut builder = modules::Builder::new(&mut program);
        for (index, krate) in crates.iter().enumerate() {
            builder.add_crate(index, krate);
        }
        program.crates = crates;
        program.accessors = std::iter::repeat_with(OnceLock::new).take(program.defs.len()).collect();
        program.link_globs();
        program.index_impls();
        program
    }

    pub fn def(&self, id: DefId) -> &Def<'a> {
        &self.defs[id.index()]
    }

    pub fn body(&self, id: BodyId) -> &BodyRef<'a> {
        &self.bodies[id.index()]
    }

    pub fn module(&self, id: ModId) -> &Mod<'a> {
        &self.mods[id.index()]
    }

    pub fn crate_root(&self, krate: usize) -> ModId {
        self.crate_roots[krate]
    }

    pub fn body_id(&self, file: FileId, idx: BodyIdx) -> Option<BodyId> {
        self.body_ids.get(&(file, idx)).copied()
    }

    /// The body of a closure or block made in `body`.
    pub fn nested_body(&self, body: BodyId, idx: BodyIdx) -> Option<BodyId> {
        self.body_id(self.body(body).file, idx)
    }

    /// The number of an item, if it is one of the analysed crates'.
    pub fn def_of(&self, item: &Item) -> Option<DefId> {
        self.def_ids.get(&address(item)).copied()
    }

    pub fn def_ids(&self) -> impl Iterator<Item = DefId> + use<> {
        (0..self.defs.len() as u32).map(DefId)
    }

    pub fn body_ids(&self) -> impl Iterator<Item = BodyId> + use<> {
        (0..self.bodies.len() as u32).map(BodyId)
    }

    /// The body of a function (or the initialiser of a static), if it has one.
    pub fn body_of(&self, def: DefId) -> Option<BodyId> {
        let d = self.def(def);
        let idx = match &d.item.kind {
            ItemKind::Fn(f) => f.body?,
            ItemKind::Static { init, .. } | ItemKind::Const { init, .. } => (*init)?,
            _ => return None,
        };
        self.body_id(d.file, idx)
    }

    /// The value that stands for what an event gives.
    pub fn result(&self, body: BodyId, event: ir::EventId) -> Option<ir::ValueId> {
        self.uses(body).results.get(event.index()).copied().flatten()
    }

    /// What an event gives, if anything reads it.
    pub fn used_result(&self, body: BodyId, event: ir::EventId) -> Option<ir::ValueId> {
        let value = self.result(body, event)?;
        self.uses(body).used.get(value.index()).copied().unwrap_or(true).then_some(value)
    }

    fn uses(&self, body: BodyId) -> &Uses {
        let b = self.body(body);
        b.uses.get_or_init(|| Uses::of(b.ir))
    }

    /// Whether nothing reads what an event gives.
    pub fn result_unused(&self, body: BodyId, event: ir::EventId) -> bool {
        self.used_result(body, event).is_none()
    }

    /// The function record of a definition.
    pub fn function(&self, def: DefId) -> Option<&'a ir::Function> {
        match &self.def(def).item.kind {
            ItemKind::Fn(f) => Some(f),
            _ => None,
        }
    }

    /// The outermost body around a closure or `async` block.
    pub fn outermost(&self, mut body: BodyId) -> BodyId {
        while let Some(parent) = self.body(body).parent {
            body = parent;
        }
        body
    }

    /// The type whose impl (or the trait in which) a function stands.
    pub fn self_type(&self, def: DefId) -> Type {
        match self.def(def).parent.map(|p| (p, &self.def(p).item.kind)) {
            Some((p, ItemKind::Impl(i))) => self.lower_type(p, &i.self_ty),
            Some((p, ItemKind::Trait { .. })) => Type::Bounded(vec![p]),
            _ => Type::Unknown,
        }
    }

    /// The type definition in whose impl a function stands.
    pub fn self_adt(&self, def: DefId) -> Option<DefId> {
        match self.self_type(def).peeled() {
            Type::Adt(adt, _) => Some(*adt),
            _ => None,
        }
    }

    /// The trait that a method implements, by its last name.
    pub fn implemented_trait(&self, def: DefId) -> Option<&'a str> {
        match &self.def(self.def(def).parent?).item.kind {
            ItemKind::Impl(i) => i.of_trait.as_ref().map(|p| p.last()),
            _ => None,
        }
    }

    /// A name as users would write it: `Queue::push`, `COUNTER`, `helper`.
    pub fn name(&self, def: DefId) -> String {
        let d = self.def(def);
        match self.self_adt(def) {
            Some(adt) if self.def(adt).item.name != d.item.name => {
                format!("{}::{}", self.def(adt).item.name, d.item.name)
            }
            _ => match d.parent.map(|p| &self.def(p).item) {
                Some(Item { kind: ItemKind::Trait { .. }, name, .. }) => format!("{name}::{}", d.item.name),
                _ => d.item.name.clone(),
            },
        }
    }

    /// The full path inside its crate: `queue::Queue::push`.
    pub fn path(&self, def: DefId) -> String {
        let mut path = self.module_path(self.def(def).scope);
        path.push(self.name(def));
        path.join("::")
    }

    pub fn module_path(&self, module: ModId) -> Vec<String> {
        let mut path = Vec::new();
        let mut at = Some(module);
        while let Some(m) = at {
            let m = self.module(m);
            if !m.name.is_empty() && m.parent.is_some() {
                path.push(m.name.clone());
            }
            at = m.parent;
        }
        path.reverse();
        path
    }

    /// Methods written for a type under that name, inherent ones first.
    pub fn methods_of(&self, adt: DefId, name: &str) -> &[DefId] {
        self.methods.get(&adt).and_then(|m| m.get(name)).map_or(&[], |v| v)
    }

    pub fn methods_on_foreign_types(&self, name: &str) -> &[DefId] {
        self.foreign_methods.get(name).map_or(&[], |v| v)
    }

    /// All functions in the impls of a type, traits' included.
    pub fn functions_of(&self, adt: DefId) -> impl Iterator<Item = DefId> + '_ {
        self.impls.get(&adt).into_iter().flatten().flat_map(|&i| match &self.def(i).item.kind {
            ItemKind::Impl(imp) => imp.items.iter().filter_map(|it| self.def_of(it)).collect::<Vec<_>>(),
            _ => Vec::new(),
        })
    }

    /// Whether the type implements the (foreign or own) trait of that last name, by an impl in the source.
    pub fn implements(&self, adt: DefId, trait_name: &str) -> bool {
        self.impls.get(&adt).into_iter().flatten().any(|&i| match &self.def(i).item.kind {
            ItemKind::Impl(imp) => !imp.negative && imp.of_trait.as_ref().is_some_and(|p| p.last() == trait_name),
            _ => false,
        }) || self.derives(adt, trait_name)
    }

    /// Whether a `#[derive(…)]` on the type names the trait.
    pub fn derives(&self, adt: DefId, trait_name: &str) -> bool {
        self.def(adt)
            .item
            .attrs
            .iter()
            .any(|a| a.path == "derive" && a.tokens.split([',', ' ', ':']).any(|t| t.trim() == trait_name))
    }

    /// Files that a lookup would have had to see and that were not lowered.
    pub fn take_wanted(&self) -> Vec<FileId> {
        let mut wanted: Vec<FileId> = match self.wanted.lock() {
            Ok(mut w) => w.drain().collect(),
            Err(_) => Vec::new(),
        };
        wanted.sort_unstable();
        wanted
    }

    fn want(&self, files: &[FileId]) {
        if let Ok(mut wanted) = self.wanted.lock() {
            wanted.extend(files.iter().copied());
        }
    }

    fn index_impls(&mut self) {
        let mut methods: FxHashMap<DefId, FxHashMap<&'a str, Vec<DefId>>> = FxHashMap::default();
        let mut impls: FxHashMap<DefId, Vec<DefId>> = FxHashMap::default();
        let mut trait_impls: FxHashMap<DefId, Vec<DefId>> = FxHashMap::default();
        let mut foreign: FxHashMap<&'a str, Vec<DefId>> = FxHashMap::default();
        let mut derefs = FxHashMap::default();
        // Inherent impls first, so that their methods come before a trait's of the same name.
        let (inherent, of_traits): (Vec<DefId>, Vec<DefId>) = self
            .def_ids()
            .filter(|&d| matches!(self.def(d).item.kind, ItemKind::Impl(_)))
            .partition(|&d| matches!(&self.def(d).item.kind, ItemKind::Impl(i) if i.of_trait.is_none()));
        for id in inherent.into_iter().chain(of_traits) {
            let ItemKind::Impl(imp) = &self.def(id).item.kind else { continue };
            let self_ty = self.lower_type(id, &imp.self_ty);
            let adt = match self_ty.peeled() {
                Type::Adt(adt, _) => Some(*adt),
                _ => None,
            };
            if let Some(adt) = adt {
                impls.entry(adt).or_default().push(id);
            }
            if let Some(path) = &imp.of_trait {
                if let Res::Def(t) = self.resolve_type_path(self.def(id).scope, path) {
                    trait_impls.entry(t).or_default().push(id);
                }
                if let (Some(adt), "Deref") = (adt, path.last()) {
                    let target = imp.items.iter().find_map(|it| match &it.kind {
                        ItemKind::TypeAlias { ty: Some(ty), .. } if it.name == "Target" => Some(ty),
                        _ => None,
                    });
                    if let Some(target) = target {
                        derefs.entry(adt).or_insert((id, target));
                    }
                }
            }
            for item in &imp.items {
                let (ItemKind::Fn(_), Some(def)) = (&item.kind, self.def_of(item)) else { continue };
                match adt {
                    Some(adt) => methods.entry(adt).or_default().entry(item.name.as_str()).or_default().push(def),
                    None => foreign.entry(item.name.as_str()).or_default().push(def),
                }
            }
        }
        self.methods = methods;
        self.impls = impls;
        self.trait_impls = trait_impls;
        self.foreign_methods = foreign;
        self.deref_targets = derefs;
    }
}

/// How the values of a body hang together, looked through once.
#[derive(Debug)]
struct Uses {
    /// Per value: whether another value, an event or a terminator uses it.
    used: Vec<bool>,
    /// Per event: the value that stands for what it gives.
    results: Vec<Option<ir::ValueId>>,
    /// The events to which closures and `async` blocks made here are handed.
    closures: FxHashMap<BodyIdx, ir::EventId>,
}

impl Uses {
    fn of(body: &ir::Body) -> Uses {
        let mut results = vec![None; body.events.len()];
        let mut made: FxHashMap<ir::ValueId, BodyIdx> = FxHashMap::default();
        let mut seen: FxHashSet<BodyIdx> = FxHashSet::default();
        for (i, value) in body.values.iter().enumerate() {
            let id = ir::ValueId(i as u32);
            match value.kind {
                ir::ValueKind::Event(e) => {
                    if let Some(slot @ None) = results.get_mut(e.index()) {
                        *slot = Some(id);
                    }
                }
                ir::ValueKind::Closure(b) | ir::ValueKind::AsyncBlock(b) if seen.insert(b) => {
                    made.insert(id, b);
                }
                _ => {}
            }
        }
        let mut closures = FxHashMap::default();
        for (i, event) in body.events.iter().enumerate() {
            let args = match &event.kind {
                ir::EventKind::Call(c) => &c.args,
                ir::EventKind::Atomic(op) => &op.args,
                _ => continue,
            };
            for closure in args.iter().filter_map(|a| made.get(a)) {
                closures.entry(*closure).or_insert(ir::EventId(i as u32));
            }
        }
        Uses { used: used_values(body), results, closures }
    }
}

fn used_values(body: &ir::Body) -> Vec<bool> {
    let mut used = vec![false; body.values.len()];
    let mut mark = |v: &ir::ValueId| {
        if let Some(slot) = used.get_mut(v.index()) {
            *slot = true;
        }
    };
    body.values.iter().for_each(|v| ir::operands::of_value(&v.kind, &mut mark));
    body.events.iter().for_each(|e| ir::operands::of_event(&e.kind, &mut mark));
    body.blocks.iter().for_each(|b| ir::operands::of_terminator(&b.term, &mut mark));
    body.locals.iter().filter(|l| !l.name.is_empty()).filter_map(|l| l.init.as_ref()).for_each(mark);
    used
}
