//! Which functions the name of a partner means.
//!
//! Names in comments need not be in scope. What a name means where the claim stands (its own module, its imports) goes
//! before what else of that name is in its crate, and that before other crates: of several `Queue`s that are as near,
//! `Queue::pop` means the `pop` of each. What may exist without being seen (in a file that was not read, made by a macro or a derive, of a foreign
//! crate, reached through `Deref`) is [`Named::Unknown`].

use rustc_hash::FxHashMap;

use super::Facts;
use super::claims::Claim;
use crate::ir::{ItemKind, Path, Span};
use crate::resolve::{DefId, Res, Type};

/// What a name leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Named {
    Functions(Vec<DefId>),
    /// There is no such function; what it may have been meant to be.
    Missing(Option<String>),
    Unknown,
}

/// The functions of the program by name.
#[derive(Debug)]
pub(super) struct Names<'f, 'a> {
    facts: &'f Facts<'a>,
    functions: FxHashMap<&'f str, Vec<DefId>>,
    /// Types, traits and modules.
    owners: FxHashMap<&'f str, Vec<DefId>>,
}

impl<'f, 'a> Names<'f, 'a> {
    pub(super) fn of(facts: &'f Facts<'a>) -> Self {
        let mut functions: FxHashMap<&str, Vec<DefId>> = FxHashMap::default();
        let mut owners: FxHashMap<&str, Vec<DefId>> = FxHashMap::default();
        for def in facts.program.def_ids() {
            let item = facts.program.def(def).item;
            let map = match &item.kind {
                ItemKind::Fn(_) => &mut functions,
                ItemKind::Struct(_)
                | ItemKind::Union(_)
                | ItemKind::Enum(_)
                | ItemKind::Trait { .. }
                | ItemKind::TypeAlias { .. }
                | ItemKind::Mod(_) => &mut owners,
                _ => continue,
            };
            map.entry(item.name.as_str()).or_default().push(def);
        }
        Names { facts, functions, owners }
    }

    /// All functions of a name, for calls whose receiver is not known.
    pub(super) fn functions_called(&self, name: &str) -> &[DefId] {
        self.functions.get(name).map_or(&[], |v| v)
    }

    pub(super) fn resolve(&self, claim: &Claim, name: &str) -> Named {
        let plain = without_generics(name);
        let segments: Vec<&str> = plain.split("::").filter(|s| !s.is_empty()).collect();
        let Some((last, before)) = segments.split_last() else { return Named::Unknown };
        let found = match before.last() {
            Some(&qualifier) => self.qualified(claim, qualifier, last, &segments),
            None => self.bare(claim, last),
        };
        if !found.is_empty() {
            return Named::Functions(found);
        }
        if self.may_exist_unseen(claim, before.last().copied(), last, &segments) {
            return Named::Unknown;
        }
        Named::Missing(self.nearest(claim, before.last().copied(), last))
    }

    /// `Queue::pop`: functions of a type, trait or module of that name.
    fn qualified(&self, claim: &Claim, qualifier: &str, last: &str, segments: &[&str]) -> Vec<DefId> {
        let program = self.facts.program;
        if qualifier == "Self" {
            return program.self_adt(claim.function).map_or_else(Vec::new, |adt| self.of_type(adt, last));
        }
        let mut found = self.in_scope(claim, last, segments);
        if found.is_empty() {
            found = self.functions_called(last).iter().copied().filter(|f| self.belongs_to(*f, qualifier)).collect();
            self.with_implementations(&mut found);
            self.keep_nearest(claim, qualifier, segments, &mut found);
            // Last: what a type of ours holds may be dropped by another crate's code.
            for adt in self.owners.get(qualifier).into_iter().flatten().filter(|_| last == "drop") {
                self.drops_of(*adt, 0, &mut found);
            }
        }
        self.with_implementations(&mut found);
        found.sort_unstable();
        found.dedup();
        found
    }

    /// What the name means to the code around the claim.
    fn in_scope(&self, claim: &Claim, last: &str, segments: &[&str]) -> Vec<DefId> {
        let program = self.facts.program;
        let scope = program.def(claim.function).scope;
        let mut found = match program.resolve_value_path(scope, &path_of(segments)) {
            Res::Def(f) if program.function(f).is_some() => vec![f],
            Res::Assoc(adt, name) => self.of_type(adt, &name),
            _ => Vec::new(),
        };
        if last == "drop"
            && let Some((_, owner)) = segments.split_last()
            && let Res::Def(adt) = program.resolve_type_path(scope, &path_of(owner))
        {
            self.drops_of(adt, 0, &mut found);
        }
        found
    }

    /// Drops the functions of other crates if the claim's own has something of the qualifier's name, and those of other
    /// modules than the name says: `queue::Queue::pop`.
    fn keep_nearest(&self, claim: &Claim, qualifier: &str, segments: &[&str], found: &mut Vec<DefId>) {
        let program = self.facts.program;
        let krate = program.def(claim.function).krate;
        let own_owner =
            self.owners.get(qualifier).is_some_and(|all| all.iter().any(|o| program.def(*o).krate == krate));
        let elsewhere = segments.first().is_some_and(|s| self.names_other_crate(krate, s));
        let own = |f: &DefId| program.def(*f).krate == krate;
        if !elsewhere && (own_owner || found.iter().any(own)) {
            found.retain(own);
        }
        let module = segments.len().checked_sub(3).map(|i| segments[i]);
        let Some(module) = module.filter(|m| !matches!(*m, "crate" | "self" | "super")) else { return };
        let inside = |f: &DefId| {
            let d = program.def(*f);
            let krate = program.crates.get(d.krate).map(|c| c.name.as_str());
            let path = program.module_path(d.scope);
            path.iter().any(|m| m == module) || krate == Some(module)
        };
        if found.iter().any(inside) {
            found.retain(inside);
        }
    }

    /// Whether a path begins with the name of another of the analysed crates.
    fn names_other_crate(&self, own: usize, first: &str) -> bool {
        self.facts.program.crates.iter().enumerate().any(|(i, c)| i != own && c.name == first)
    }

    /// `pop`: a function of the same type, else of the same module and crate, else any; or all functions of a type.
    fn bare(&self, claim: &Claim, last: &str) -> Vec<DefId> {
        let program = self.facts.program;
        let own = program.self_adt(claim.function).map_or_else(Vec::new, |adt| self.of_type(adt, last));
        if !own.is_empty() {
            return own;
        }
        let all = self.functions_called(last);
        let (krate, scope) = (program.def(claim.function).krate, program.def(claim.function).scope);
        if let Res::Def(f) = program.resolve_value_path(scope, &path_of(&[last]))
            && program.function(f).is_some()
        {
            return vec![f];
        }
        let free: Vec<DefId> = all
            .iter()
            .copied()
            .filter(|f| program.def(*f).parent.is_none() && program.def(*f).krate == krate)
            .collect();
        if !free.is_empty() {
            return free;
        }
        let types = self.owners.get(last).into_iter().flatten();
        let mut found: Vec<DefId> = types.flat_map(|adt| program.functions_of(*adt)).collect();
        found.extend(all);
        found.retain(|f| program.function(*f).is_some());
        found
    }

    fn of_type(&self, adt: DefId, name: &str) -> Vec<DefId> {
        let mut found = self.facts.program.methods_of(adt, name).to_vec();
        if let ItemKind::Trait { items, .. } = &self.facts.program.def(adt).item.kind {
            found.extend(items.iter().filter(|i| i.name == name).filter_map(|i| self.facts.program.def_of(i)));
        }
        self.with_implementations(&mut found);
        found
    }

    /// A trait's method stands for the methods of all its implementations.
    fn with_implementations(&self, found: &mut Vec<DefId>) {
        let program = self.facts.program;
        for f in found.clone() {
            let Some(parent) = program.def(f).parent else { continue };
            if !matches!(program.def(parent).item.kind, ItemKind::Trait { .. }) {
                continue;
            }
            for &imp in program.trait_impls.get(&parent).into_iter().flatten() {
                if let ItemKind::Impl(i) = &program.def(imp).item.kind {
                    let name = &program.def(f).item.name;
                    found.extend(i.items.iter().filter(|it| it.name == *name).filter_map(|it| program.def_of(it)));
                }
            }
        }
    }

    /// Whether a function is written for a type of this name, for a trait of it, or in a module (or crate) of it.
    fn belongs_to(&self, function: DefId, qualifier: &str) -> bool {
        let program = self.facts.program;
        let d = program.def(function);
        let Some(parent) = d.parent else {
            let module = program.module_path(d.scope);
            let krate = program.crates.get(d.krate).map(|c| c.name.as_str());
            return match module.last() {
                Some(name) => name == qualifier,
                None => matches!(qualifier, "crate" | "self" | "super") || krate == Some(qualifier),
            };
        };
        match &program.def(parent).item.kind {
            ItemKind::Impl(i) => {
                let of_trait = i.of_trait.as_ref().is_some_and(|p| p.last() == qualifier);
                let of_type = program.self_adt(function).is_some_and(|a| program.def(a).item.name == qualifier);
                let written = matches!(&i.self_ty, crate::ir::Ty::Path(p) if p.last() == qualifier);
                of_trait || of_type || written
            }
            ItemKind::Trait { .. } => {
                let implementor = |adt: &DefId| {
                    let t = &program.def(parent).item.name;
                    program.implements(*adt, t)
                };
                program.def(parent).item.name == qualifier
                    || self.owners.get(qualifier).is_some_and(|all| all.iter().any(implementor))
            }
            _ => false,
        }
    }

    /// What runs when a value of the type is dropped: its own `drop`, and those of what it holds.
    pub(super) fn drops_of(&self, adt: DefId, depth: u32, found: &mut Vec<DefId>) {
        let program = self.facts.program;
        if depth > 4 {
            return;
        }
        found.extend(program.methods_of(adt, "drop"));
        let ItemKind::Struct(s) = &program.def(adt).item.kind else { return };
        for field in &s.fields {
            let mut inner = Vec::new();
            types_in(&program.lower_type(adt, &field.ty), &mut inner);
            for t in inner.into_iter().filter(|t| *t != adt) {
                self.drops_of(t, depth + 1, found);
            }
        }
    }

    /// Whether something of that name may be there without standing in what was read.
    fn may_exist_unseen(&self, claim: &Claim, qualifier: Option<&str>, last: &str, segments: &[&str]) -> bool {
        let program = self.facts.program;
        let scope = program.def(claim.function).scope;
        let path = path_of(segments);
        // A lone word that nothing explains passes for a crate's name; a foreign function of that name is called somewhere.
        let foreign = match program.resolve_value_path(scope, &path) {
            Res::External(p) if segments.len() == 1 && p == last => {
                self.facts.sources.files.iter().any(|f| uses_in_code(f, last))
            }
            Res::External(_) | Res::Variant(..) => true,
            _ => segments.len() > 1 && matches!(program.resolve_type_path(scope, &path), Res::External(_)),
        };
        // A field, a static, a constant or a type: the claim is about memory, which is not checked.
        let memory = program.defs.iter().any(|d| d.item.name == last && !matches!(d.item.kind, ItemKind::Fn(_)));
        if foreign || memory || qualifier.is_some_and(|q| self.is_open(claim, q, last)) {
            return true;
        }
        self.facts.sources.files.iter().enumerate().any(|(i, file)| {
            let lowered = program.files.get(i).is_some_and(Option::is_some);
            let heads = count(&file.text, "fn ", last);
            let names = || self.functions_called(last).iter().filter(|f| program.def(**f).file.0 as usize == i).count();
            let of_owner = || qualifier.is_none_or(|q| q == "Self" || file.text.contains(q));
            let made_by_macro = || file.text.contains("fn $") && uses_in_code(file, last);
            of_owner() && (heads > if lowered { names() } else { 0 } || made_by_macro())
        })
    }

    /// Whether a type has more functions than its impls show, or is not known at all but used.
    fn is_open(&self, claim: &Claim, qualifier: &str, last: &str) -> bool {
        const DERIVED: [&str; 8] = ["clone", "fmt", "eq", "cmp", "partial_cmp", "hash", "default", "drop"];
        let program = self.facts.program;
        let own = || program.self_adt(claim.function).into_iter().collect();
        let owners: Vec<DefId> =
            if qualifier == "Self" { own() } else { self.owners.get(qualifier).cloned().unwrap_or_default() };
        if owners.is_empty() {
            // A foreign type, or one that a macro makes: somebody uses it.
            return qualifier == "Self" || self.facts.sources.files.iter().any(|f| uses_in_code(f, qualifier));
        }
        owners.iter().any(|o| {
            let item = program.def(*o).item;
            let has_field = match &item.kind {
                ItemKind::Struct(s) => s.fields.iter().any(|f| f.name == last),
                ItemKind::TypeAlias { .. } => true,
                _ => false,
            };
            has_field
                || program.implements(*o, "Deref")
                || DERIVED.contains(&last) && item.attrs.iter().any(|a| a.path == "derive")
        })
    }

    /// The function of the same owner with the most similar name; else one of that name elsewhere.
    fn nearest(&self, claim: &Claim, qualifier: Option<&str>, last: &str) -> Option<String> {
        let program = self.facts.program;
        let owners: Vec<DefId> = match qualifier {
            None | Some("Self") => program.self_adt(claim.function).into_iter().collect(),
            Some(q) => self.owners.get(q).cloned().unwrap_or_default(),
        };
        let siblings = owners.iter().flat_map(|o| program.functions_of(*o)).filter(|f| *f != claim.function);
        let similar = |f: &DefId| {
            let name = &program.def(*f).item.name;
            let distance = edit_distance(name, last);
            (distance <= last.len().max(name.len()) / 3).then_some(distance)
        };
        let best = siblings.filter_map(|f| similar(&f).map(|d| (d, f))).min();
        let elsewhere = || self.functions_called(last).first().copied().filter(|_| owners.is_empty());
        best.map(|(_, f)| f).or_else(elsewhere).map(|f| program.name(f))
    }
}

/// The program's own types that a value of this type holds.
fn types_in(ty: &Type, out: &mut Vec<DefId>) {
    match ty {
        Type::Adt(adt, args) => {
            out.push(*adt);
            args.iter().for_each(|a| types_in(a, out));
        }
        Type::Known(_, args) | Type::External(_, args) | Type::Tuple(args) => {
            args.iter().for_each(|a| types_in(a, out));
        }
        Type::Array(inner, _) => types_in(inner, out),
        _ => {}
    }
}

fn path_of(segments: &[&str]) -> Path {
    Path::of_names(segments.iter().copied(), Span::new(0, 0))
}

fn without_generics(name: &str) -> String {
    let mut depth = 0_u32;
    let keep = |c: &char| {
        match c {
            '<' => depth += 1,
            '>' => depth = depth.saturating_sub(1),
            _ => return depth == 0,
        }
        false
    };
    name.chars().filter(keep).collect()
}

/// How often a word stands directly behind another text.
fn count(text: &str, before: &str, word: &str) -> usize {
    let goes_on = |rest: &str| rest.starts_with(|c: char| c.is_alphanumeric() || c == '_');
    text.match_indices(before)
        .filter(|(i, _)| text[i + before.len()..].strip_prefix(word).is_some_and(|rest| !goes_on(rest)))
        .count()
}

/// Whether a word stands in a file outside of comments.
fn uses_in_code(file: &crate::source::SourceFile, word: &str) -> bool {
    let part = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
    file.text.match_indices(word).any(|(i, _)| {
        let end = i + word.len();
        let whole = !part(file.text[..i].chars().next_back()) && !part(file.text[end..].chars().next());
        whole && file.comments().within(Span::new(i as u32, end as u32)).is_empty() && !is_quoted(&file.text[..i])
    })
}

/// Whether a text ends inside a path in quotes: the name in an attribute is no use of it.
fn is_quoted(before: &str) -> bool {
    before.trim_end_matches(|c: char| c.is_alphanumeric() || "_: ,".contains(c)).ends_with('"')
}

fn edit_distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let change = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = change.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}
