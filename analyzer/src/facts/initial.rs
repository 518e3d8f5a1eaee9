//! What a location holds when its owner is made.

use super::Facts;
use super::access::{Key, LocId};
use crate::finding::Site;
use crate::ir::{Base, Callee, EventKind, ItemKind, Terminator, ValueId, ValueKind};
use crate::resolve::{BodyId, Type};

/// A first value of a location.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Initial {
    Int(i128),
    Bool(bool),
    Null,
    /// Given by the caller of the constructor, as it is.
    Parameter,
    /// Computed, or made in a way that is not followed.
    Other,
}

impl Facts<'_> {
    /// The values that a location starts with, one for each place in the source that makes its owner.
    pub fn initial_values(&self, location: LocId) -> Vec<Initial> {
        self.initial_places(location).into_iter().map(|(initial, _)| initial).collect()
    }

    /// The same, each with where it stands; a derived `Default` stands nowhere.
    pub fn initial_places(&self, location: LocId) -> Vec<(Initial, Option<Site>)> {
        let mut found = Vec::new();
        let at = |body: BodyId, v: ValueId| (self.initial(body, v, 0), Some(self.site(body, self.value_span(body, v))));
        match &self.location(location).key {
            Key::Static(def) => {
                let returned = self.program.body_of(*def).and_then(|b| Some((b, self.result_value(b)?)));
                found.extend(returned.map(|(b, v)| at(b, v)));
            }
            Key::Local(body, local) => {
                let init = self.program.body(*body).ir.locals.get(local.index()).and_then(|l| l.init);
                found.extend(init.map(|v| at(*body, v)));
            }
            Key::Field(adt, field) => {
                let field = field.split('.').next().unwrap_or(field);
                for body in self.program.body_ids() {
                    let b = self.program.body(body);
                    if self.program.def(b.owner).is_test {
                        continue;
                    }
                    for (i, v) in b.ir.values.iter().enumerate() {
                        let ValueKind::Struct { fields, .. } = &v.kind else { continue };
                        let value = ValueId(i as u32);
                        if !matches!(self.program.type_of(body, value), Type::Adt(d, _) if d == *adt) {
                            continue;
                        }
                        let init = fields.iter().find(|(f, _)| f == field);
                        found.extend(init.map(|(_, v)| at(body, *v)));
                    }
                }
                if self.program.derives(*adt, "Default") {
                    found.push((self.default_value(location), None));
                }
            }
        }
        found
    }

    fn default_value(&self, location: LocId) -> Initial {
        let loc = self.location(location);
        match loc.value_type {
            Type::Prim("bool") => Initial::Bool(false),
            _ if loc.atomic.is_some_and(|a| a.is_pointer()) => Initial::Null,
            _ => Initial::Int(0),
        }
    }

    /// Whether it is known that the location starts with this number, wherever its owner is made.
    pub fn starts_at(&self, location: LocId, n: i128) -> bool {
        let all = self.initial_values(location);
        !all.is_empty() && all.iter().all(|i| *i == Initial::Int(n))
    }

    fn result_value(&self, body: BodyId) -> Option<ValueId> {
        self.program.body(body).ir.blocks.iter().find_map(|b| match b.term {
            Terminator::Return(Some(v)) => Some(v),
            _ => None,
        })
    }

    fn initial(&self, body: BodyId, value: ValueId, depth: u32) -> Initial {
        if depth > 12 {
            return Initial::Other;
        }
        let again = |v: ValueId| self.initial(body, v, depth + 1);
        match self.value(body, value) {
            ValueKind::Int(n) => Initial::Int(*n),
            ValueKind::Bool(b) => Initial::Bool(*b),
            ValueKind::Param(_) => Initial::Parameter,
            ValueKind::Cast(v, _) => again(*v),
            ValueKind::Repeat(v, _) => again(*v),
            ValueKind::Read(p) if p.proj.is_empty() => match &p.base {
                Base::Local(_, v) | Base::Value(v) => again(*v),
                Base::Path(path) => self.initial_of_const(body, path, depth),
            },
            ValueKind::Path(path) => self.initial_of_const(body, path, depth),
            ValueKind::Struct { fields, .. } if fields.len() == 1 => again(fields[0].1),
            ValueKind::Event(e) => match &self.event(body, *e).kind {
                EventKind::Call(call) => match (&call.callee, &call.args[..]) {
                    (Callee::Path(p), [v, ..]) if matches!(p.last(), "new" | "from" | "const_new") => again(*v),
                    (Callee::Path(p), []) if matches!(p.last(), "null" | "null_mut") => Initial::Null,
                    (Callee::Path(p), []) if p.last() == "default" => match self.program.type_of(body, value) {
                        Type::Atomic(a, _) if a.is_pointer() => Initial::Null,
                        _ => Initial::Int(0),
                    },
                    (Callee::Method { receiver, name, .. }, []) if matches!(name.as_str(), "cast" | "cast_mut") => {
                        match receiver.base {
                            Base::Local(_, v) | Base::Value(v) if receiver.proj.is_empty() => again(v),
                            _ => Initial::Other,
                        }
                    }
                    (Callee::Method { receiver, name, .. }, []) if name == "into" => match receiver.base {
                        Base::Local(_, v) | Base::Value(v) if receiver.proj.is_empty() => again(v),
                        _ => Initial::Other,
                    },
                    _ => Initial::Other,
                },
                _ => Initial::Other,
            },
            _ => Initial::Other,
        }
    }

    fn initial_of_const(&self, body: BodyId, path: &crate::ir::Path, depth: u32) -> Initial {
        match self.program.resolve_value(body, path) {
            crate::resolve::Res::Def(d) if matches!(self.program.def(d).item.kind, ItemKind::Const { .. }) => {
                let body = self.program.body_of(d).filter(|_| depth < 4);
                let returned = body.and_then(|b| Some(self.initial(b, self.result_value(b)?, 0)));
                returned.unwrap_or(Initial::Other)
            }
            _ => Initial::Other,
        }
    }
}
