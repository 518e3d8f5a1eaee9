//! The last step of a body: superfluous phis go, blocks and values are numbered in the order in which they were
//! started and made.

use rustc_hash::FxHashMap;

use super::graph::Builder;
use crate::ir::{BlockId, Body, ValueId, ValueKind, operands};

const GONE: u32 = u32::MAX;

impl Builder {
    /// The finished body, and where its values went.
    pub(in crate::lower) fn finish(mut self) -> (Body, Renumbering) {
        let forward = self.superfluous_phis();
        let values = self.renumber_values(&forward);
        let blocks = self.order_blocks();
        let mut body = std::mem::replace(&mut self.body, super::empty());

        for value in &mut body.values {
            operands::of_value_mut(&mut value.kind, &mut |v| *v = values.of(*v));
            if let ValueKind::Phi(incoming) = &mut value.kind {
                for (from, _) in incoming {
                    *from = blocks.of(*from);
                }
            }
        }
        for event in &mut body.events {
            event.block = blocks.of(event.block);
            operands::of_event_mut(&mut event.kind, &mut |v| *v = values.of(*v));
        }
        for block in &mut body.blocks {
            operands::of_terminator_mut(&mut block.term, &mut |v| *v = values.of(*v));
            for to in block.term.successors_mut() {
                *to = blocks.of(*to);
            }
        }
        for local in &mut body.locals {
            local.declared_in = blocks.of(local.declared_in);
            local.init = local.init.map(|v| values.of(v));
        }
        for l in &mut body.loops {
            l.header = blocks.of(l.header);
            l.iterates = l.iterates.map(|v| values.of(v));
        }
        (body, values)
    }

    /// Which phis stand for one other value only, and for which.
    fn superfluous_phis(&self) -> Vec<u32> {
        let values = &self.body.values;
        let mut forward: Vec<u32> = (0..values.len() as u32).collect();
        let mut users: FxHashMap<ValueId, Vec<ValueId>> = FxHashMap::default();
        let mut work = Vec::new();
        for (index, value) in values.iter().enumerate() {
            if let ValueKind::Phi(incoming) = &value.kind {
                let phi = ValueId(index as u32);
                work.push(phi);
                for &(_, operand) in incoming {
                    if matches!(values[operand.index()].kind, ValueKind::Phi(_)) {
                        users.entry(operand).or_default().push(phi);
                    }
                }
            }
        }
        while let Some(phi) = work.pop() {
            if forward[phi.index()] != phi.0 {
                continue;
            }
            let ValueKind::Phi(incoming) = &values[phi.index()].kind else {
                continue;
            };
            let mut only = None;
            let single = incoming.iter().all(|&(_, operand)| {
                let operand = resolve(&mut forward, operand);
                operand == phi || *only.get_or_insert(operand) == operand
            });
            if let (true, Some(only)) = (single, only) {
                forward[phi.index()] = only.0;
                // Its users use `only` from now on, and may become superfluous in turn.
                let moved = users.remove(&phi).unwrap_or_default();
                work.extend(&moved);
                users.entry(only).or_default().extend(moved);
            }
        }
        forward
    }

    fn renumber_values(&mut self, forward: &[u32]) -> Renumbering {
        let mut to = vec![GONE; forward.len()];
        let mut kept = 0;
        for (index, target) in forward.iter().enumerate() {
            if *target == index as u32 {
                to[index] = kept;
                kept += 1;
            }
        }
        let mut forward = forward.to_vec();
        for index in 0..to.len() {
            if to[index] == GONE {
                let target = resolve(&mut forward, ValueId(index as u32));
                to[index] = to[target.index()];
            }
        }
        let mut index = 0;
        self.body.values.retain(|_| {
            index += 1;
            forward[index - 1] == index as u32 - 1
        });
        Renumbering { to }
    }

    /// Moves the blocks into the body in the order in which they were started; unreached ones without events
    /// go.
    fn order_blocks(&mut self) -> Renumbering {
        let mut to = vec![0; self.flow.len()];
        let headers: Vec<BlockId> = self.body.loops.iter().map(|l| l.header).collect();
        let started = std::mem::take(&mut self.started);
        for block in started {
            let flow = &self.flow[block.index()];
            if !flow.live && !self.has_events(block) && !headers.contains(&block) {
                continue;
            }
            to[block.index()] = self.body.blocks.len() as u32;
            let block = self.take_block(block);
            self.body.blocks.push(block);
        }
        Renumbering { to }
    }
}

/// Old numbers to new ones.
pub(in crate::lower) struct Renumbering {
    to: Vec<u32>,
}

pub(in crate::lower) trait Number: Copy {
    fn get(self) -> usize;
    fn make(number: u32) -> Self;
}

impl Number for ValueId {
    fn get(self) -> usize {
        self.index()
    }
    fn make(number: u32) -> Self {
        ValueId(number)
    }
}

impl Number for BlockId {
    fn get(self) -> usize {
        self.index()
    }
    fn make(number: u32) -> Self {
        BlockId(number)
    }
}

impl Renumbering {
    pub(in crate::lower) fn of<N: Number>(&self, old: N) -> N {
        N::make(self.to.get(old.get()).copied().unwrap_or(0))
    }
}

/// Follows forwarding to its end, shortening the way.
fn resolve(forward: &mut [u32], value: ValueId) -> ValueId {
    let mut end = value.0;
    while forward[end as usize] != end {
        end = forward[end as usize];
    }
    let mut at = value.0;
    while forward[at as usize] != end {
        at = std::mem::replace(&mut forward[at as usize], end);
    }
    ValueId(end)
}
