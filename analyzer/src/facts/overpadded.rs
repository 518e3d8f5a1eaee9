//! Padding that separates nothing: cold fields without hot neighbours, elements of collections that are large or grow.

use super::access::Key;
use super::frequency::is_rare;
use super::layout::{MACHINES, SMALLEST_LINE, is_padding_name};
use super::{Facts, LocId};
use crate::contract::Word;
use crate::ir::{Callee, EventKind, ItemKind, Receiver};
use crate::resolve::{BodyId, DefId, Known, Type};

/// From how many elements on a padded array is large.
const LARGE: u64 = 1024;
/// From how many fields on a struct of padded fields only is one of many.
const MANY: usize = 4;

/// Padding that is not worth its room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Overpadded {
    pub adt: DefId,
    pub field: String,
    pub why: Excess,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Excess {
    /// Written seldom, among fields that are.
    Cold,
    /// The element type of a collection of so many, or of one that `grows_in` a function.
    Elements { number: Option<u64>, grows_in: Option<BodyId> },
    /// All of so many fields are padded, of which so many are hot.
    Every { fields: usize, hot: usize },
}

impl Facts<'_> {
    /// The padding of the analysed crates that is not worth its room; one finding a type or collection.
    pub fn overpadded(&self) -> Vec<Overpadded> {
        let mut found = Vec::new();
        for adt in self.program.def_ids() {
            let ItemKind::Struct(s) = &self.program.def(adt).item.kind else { continue };
            if self.program.def(adt).is_test {
                continue;
            }
            let every = self.every_field_padded(adt);
            found.extend(every.clone());
            for f in &s.fields {
                let ty = self.program.lower_type(adt, &f.ty);
                let add = |why| Overpadded { adt, field: f.name.clone(), why };
                if every.is_none() && self.is_padded_atomic(&ty) && self.is_cold_among_cold(adt, &f.name) {
                    found.push(add(Excess::Cold));
                }
                found.extend(self.padded_elements(adt, &f.name, &ty).map(add));
            }
        }
        found
    }

    fn every_field_padded(&self, adt: DefId) -> Option<Overpadded> {
        let fields = &self.struct_of(adt)?.fields;
        let padded = |name: &crate::ir::Field| self.is_padded_type(&self.program.lower_type(adt, &name.ty));
        let known = || fields.iter().all(|f| !self.locations_in(adt, &f.name).is_empty());
        if fields.len() < MANY || !fields.iter().all(padded) || !known() {
            return None;
        }
        let cold: Vec<&String> = fields.iter().map(|f| &f.name).filter(|f| !self.is_written_often(adt, f)).collect();
        let hot = fields.len() - cold.len();
        (cold.len() >= 2).then(|| Overpadded {
            adt,
            field: cold[0].clone(),
            why: Excess::Every { fields: fields.len(), hot },
        })
    }

    /// A padding wrapper, of a known crate, by its name, or one of the analysed crates that asks for a line.
    fn is_padded_type(&self, ty: &Type) -> bool {
        match ty {
            Type::Known(Known::Padded, _) => true,
            Type::External(path, args) => args.len() == 1 && is_padding_name(path.rsplit("::").next().unwrap_or("")),
            Type::Adt(adt, _) => {
                self.alignment_asked(*adt, &MACHINES[0]) >= SMALLEST_LINE
                    && self.struct_of(*adt).is_some_and(|s| s.fields.len() == 1)
            }
            _ => false,
        }
    }

    fn is_padded_atomic(&self, ty: &Type) -> bool {
        let inner = match ty {
            Type::Known(Known::Padded, args) | Type::External(_, args) => args.first().cloned(),
            Type::Adt(adt, args) => self.struct_of(*adt).and_then(|s| s.fields.first()).map(|f| {
                let inner = self.program.lower_type(*adt, &f.ty);
                if let Type::Param(_) = inner { args.first().cloned().unwrap_or(inner) } else { inner }
            }),
            _ => None,
        };
        self.is_padded_type(ty) && matches!(inner, Some(Type::Atomic(..)))
    }

    fn locations_in(&self, adt: DefId, field: &str) -> Vec<LocId> {
        let of = |key: &Key| matches!(key, Key::Field(a, f) if *a == adt && f.split('.').next() == Some(field));
        let inside =
            |o: &super::OpId| self.inline_fields(&self.op(*o).place).iter().any(|(a, f)| *a == adt && f == field);
        let all = self.locations.iter().enumerate();
        all.filter(|(_, l)| of(&l.key) || l.ops.iter().any(inside)).map(|(i, _)| LocId(i as u32)).collect()
    }

    /// Nothing is known to write it more than now and then, and no field around it can be hot either.
    fn is_cold_among_cold(&self, adt: DefId, field: &str) -> bool {
        let Some(s) = self.struct_of(adt) else { return false };
        let locations = self.locations_in(adt, field);
        let unknown = locations.is_empty() || locations.iter().any(|l| self.is_handed_out(*l));
        !unknown
            && !self.is_marked(adt, field, Word::Hot)
            && !self.is_marked(adt, field, Word::Padded)
            && !self.is_written_often(adt, field)
            && s.fields.len() > 1
            && s.fields.iter().filter(|f| f.name != field).all(|f| self.is_surely_cold(adt, &f.name))
    }

    /// Any RMW or CAS, and stores that are not rare, count: a field is called cold only if it surely is.
    fn is_written_often(&self, adt: DefId, field: &str) -> bool {
        let hot = self.heat().usage(adt, field).is_some_and(super::heat::Usage::is_hot);
        hot || self.locations_in(adt, field).into_iter().any(|l| {
            self.shared_writes(l).any(|w| {
                let op = self.op(w);
                let in_loop = self.program.body(op.body).ir.blocks[self.event(op.body, op.event).block.index()].in_loop;
                let constant = op.new_value().is_some_and(|v| self.flows_into(op.body, v).is_constant());
                !is_rare(self, op.body) && (op.kind.is_rmw() || in_loop.is_some() || !constant)
            })
        })
    }

    fn is_surely_cold(&self, adt: DefId, field: &str) -> bool {
        let Some(f) = self.field(adt, field) else { return false };
        let ty = self.program.lower_type(adt, &f.ty);
        let plain = match &ty {
            Type::Prim(_) | Type::Known(Known::String | Known::PhantomData | Known::Arc | Known::Box, _) => true,
            Type::Ref { .. } | Type::Ptr { .. } | Type::FnPtr => true,
            Type::Known(Known::Vec | Known::Padded, _) | Type::Atomic(..) => {
                !self.locations_in(adt, field).is_empty() || matches!(ty, Type::Known(Known::Vec, _))
            }
            _ => false,
        };
        plain && !self.is_marked(adt, field, Word::Hot) && !self.is_written_often(adt, field)
    }

    /// A collection of padded elements that is large, or to which elements are added as long as it is used.
    fn padded_elements(&self, adt: DefId, field: &str, ty: &Type) -> Option<Excess> {
        match ty {
            Type::Array(inner, Some(n)) if self.is_padded_type(inner) && *n >= LARGE => {
                Some(Excess::Elements { number: Some(*n), grows_in: None })
            }
            Type::Known(Known::Map, args) if args.last().is_some_and(|t| self.is_padded_type(t)) => {
                Some(Excess::Elements { number: None, grows_in: self.grower(adt, field) })
            }
            Type::Known(Known::Vec, args) if args.first().is_some_and(|t| self.is_padded_type(t)) => {
                let grower = self.grower(adt, field)?;
                Some(Excess::Elements { number: None, grows_in: Some(grower) })
            }
            // Behind the lock that guards its growth.
            Type::Known(Known::Mutex | Known::RwLock, args) => self.padded_elements(adt, field, args.first()?),
            _ => None,
        }
    }

    /// A method that adds an element to the collection in a field.
    fn grower(&self, adt: DefId, field: &str) -> Option<BodyId> {
        self.program.functions_of(adt).filter_map(|d| Some((d, self.program.body_of(d)?))).find_map(|(d, body)| {
            let f = self.program.function(d)?;
            let method = matches!(f.receiver, Some(Receiver::Ref | Receiver::RefMut)) && !is_rare(self, body);
            let grows = self.program.body(body).ir.events.iter().any(|e| match &e.kind {
                EventKind::Call(call) => match &call.callee {
                    Callee::Method { receiver, name, .. } => {
                        matches!(name.as_str(), "push" | "push_back" | "insert" | "entry" | "extend" | "resize_with")
                            && self
                                .program
                                .place_ref(body, receiver)
                                .field
                                .is_some_and(|(a, f)| a == adt && f.split('.').next() == Some(field))
                    }
                    _ => false,
                },
                _ => false,
            });
            (method && grows).then_some(body)
        })
    }
}
