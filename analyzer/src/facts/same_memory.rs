//! Fields that hold a pointer to an atomic stand for the atomic: a guard's reference to its lock's word, the two
//! halves of a channel that share an `Arc`.
//!
//! Every struct literal says what such a field points to. A field that is given different atomics in different
//! places stands for none of them.

use rustc_hash::FxHashMap;

use super::access::Key;
use crate::ir::ValueKind;
use crate::resolve::{Program, Type};

/// Which keys name one memory.
#[derive(Debug, Default)]
pub(super) struct SameMemory {
    parent: FxHashMap<Key, Key>,
}

impl SameMemory {
    pub(super) fn of(program: &Program<'_>) -> SameMemory {
        let mut targets: FxHashMap<Key, Vec<Key>> = FxHashMap::default();
        for body in program.body_ids() {
            for (i, value) in program.body(body).ir.values.iter().enumerate() {
                let ValueKind::Struct { fields, .. } = &value.kind else { continue };
                let ty = program.type_of(body, crate::ir::ValueId(i as u32));
                let Type::Adt(adt, _) = &ty else { continue };
                for (name, v) in fields {
                    let points = program
                        .field_type(&ty, name)
                        .is_some_and(|f| f.is_shared_pointer() && program.as_atomic(&f).is_some());
                    if !points {
                        continue;
                    }
                    let own = Key::Field(*adt, name.clone());
                    let at = program.value_ref(body, *v);
                    let list = targets.entry(own.clone()).or_default();
                    // An index says nothing about which element it is.
                    let to = at.location().filter(|_| !at.indexed).map(Key::of);
                    list.extend(to.filter(|k| *k != own && !list.contains(k)));
                }
            }
        }
        let mut same = SameMemory::default();
        let mut sorted: Vec<(Key, Vec<Key>)> = targets.into_iter().collect();
        sorted.sort();
        for (own, list) in sorted {
            let lasting = list.iter().filter(|k| !matches!(k, Key::Local(..))).count();
            if lasting <= 1 {
                for to in list {
                    same.join(own.clone(), to);
                }
            }
        }
        same
    }

    /// The key that stands for all keys of one memory.
    pub(super) fn leader(&self, key: Key) -> Key {
        let mut at = &key;
        while let Some(next) = self.parent.get(at) {
            at = next;
        }
        at.clone()
    }

    /// Memory that lasts leads: a field or static before a local, the pointed-to before the pointer.
    fn join(&mut self, pointer: Key, target: Key) {
        let (a, b) = (self.leader(pointer), self.leader(target));
        if a == b {
            return;
        }
        let (leader, other) = if matches!(b, Key::Local(..)) { (a, b) } else { (b, a) };
        self.parent.insert(other, leader);
    }
}
