//! Bodies in a form for reading: `v3 = #1 self.count.load(Acquire)`.

use std::fmt::Write;

use crate::ir::*;

pub(super) fn file(source: &str, file: &File) -> String {
    let mut out = String::new();
    for (index, b) in file.bodies.iter().enumerate() {
        let _ = write!(out, "{}", body(source, index, b));
    }
    for skipped in &file.skipped {
        let _ = writeln!(out, "skipped {:?}: {}", skipped.why, slice(source, skipped.span));
    }
    out
}

pub(super) fn slice(source: &str, span: Span) -> String {
    let text = source.get(span.start as usize..span.end as usize).unwrap_or("?");
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn body(source: &str, index: usize, b: &Body) -> String {
    let mut out = format!("body {index} {:?}", b.kind);
    if let Some(parent) = b.parent {
        let _ = write!(out, " in {}", parent.0);
    }
    out.push('\n');
    let d = Dump { source, body: b };
    for c in &b.captures {
        let mutated = if c.mutated { ", mutated" } else { "" };
        let _ = writeln!(out, "  capture {} = outer l{} v{}{mutated}", d.local(c.local), c.outer.0, c.value.0);
    }
    for (index, block) in b.blocks.iter().enumerate() {
        let in_loop = block.in_loop.map_or_else(String::new, |l| {
            let l = &b.loops[l.index()];
            let header = if l.header.index() == index { " header" } else { "" };
            format!(" [{:?}{header}]", l.kind)
        });
        let _ = writeln!(out, "  b{index}:{in_loop}");
        for &event in &block.events {
            let _ = writeln!(out, "    {}", d.event(event));
        }
        let _ = writeln!(out, "    {}", d.term(&block.term));
    }
    out
}

struct Dump<'a> {
    source: &'a str,
    body: &'a Body,
}

impl Dump<'_> {
    fn local(&self, local: LocalId) -> String {
        let name = &self.body.locals[local.index()].name;
        if name.is_empty() { format!("_{}", local.0) } else { name.clone() }
    }

    /// A value as an expression over events (`#2`), phis (`φ3`) and parameters.
    pub(super) fn value(&self, v: ValueId) -> String {
        let list = |vs: &[ValueId]| vs.iter().map(|v| self.value(*v)).collect::<Vec<_>>().join(", ");
        match &self.body.values[v.index()].kind {
            ValueKind::Param(index) => self.local(self.body.params[*index as usize]),
            ValueKind::Capture(index) => self.local(self.body.captures[*index as usize].local),
            ValueKind::Int(i) => i.to_string(),
            ValueKind::Bool(b) => b.to_string(),
            ValueKind::Lit(text) => text.clone(),
            ValueKind::Path(path) => path.to_string(),
            ValueKind::Read(place) => format!("read {}", self.place(place)),
            ValueKind::Ref { mutable, place } => format!("&{}{}", mutability(*mutable), self.place(place)),
            ValueKind::RawRef { mutable, place } => format!("&raw {}{}", mutability(*mutable), self.place(place)),
            ValueKind::Event(event) => format!("#{}", event.0),
            ValueKind::Binary(op, a, b) => format!("{op:?}({}, {})", self.value(*a), self.value(*b)),
            ValueKind::Not(v) => format!("!{}", self.value(*v)),
            ValueKind::Neg(v) => format!("-{}", self.value(*v)),
            ValueKind::Cast(v, _) => format!("cast {}", self.value(*v)),
            ValueKind::Tuple(vs) => format!("({})", list(vs)),
            ValueKind::Array(vs) => format!("[{}]", list(vs)),
            ValueKind::Repeat(v, len) => format!("[{}; {len}]", self.value(*v)),
            ValueKind::Struct { path, fields, rest } => {
                let mut parts: Vec<String> =
                    fields.iter().map(|(name, v)| format!("{name}: {}", self.value(*v))).collect();
                parts.extend(rest.map(|v| format!("..{}", self.value(v))));
                format!("{path} {{ {} }}", parts.join(", "))
            }
            ValueKind::Closure(idx) => format!("closure {}", idx.0),
            ValueKind::AsyncBlock(idx) => format!("async {}", idx.0),
            ValueKind::Part { of, variant, field } => {
                let variant = variant.as_ref().map_or_else(String::new, |v| format!("{v}."));
                format!("{}→{variant}{field}", self.value(*of))
            }
            ValueKind::Range { start, end, inclusive } => {
                let side = |v: &Option<ValueId>| v.map_or_else(String::new, |v| self.value(v));
                format!("{}..{}{}", side(start), if *inclusive { "=" } else { "" }, side(end))
            }
            ValueKind::Item(v) => format!("item of {}", self.value(*v)),
            ValueKind::Matches { value, pattern } => format!("{} is {}", self.value(*value), pat(pattern)),
            // Operands of a phi may lead back to it.
            ValueKind::Phi(operands) => {
                let parts: Vec<String> =
                    operands.iter().map(|(b, v)| format!("b{}: {}", b.0, self.short(*v))).collect();
                format!("φ{}({})", v.0, parts.join(", "))
            }
            ValueKind::Mutated { before, by } => format!("{} after #{}", self.short(*before), by.0),
            ValueKind::Unit => "()".to_owned(),
            ValueKind::Unknown => "?".to_owned(),
        }
    }

    fn short(&self, v: ValueId) -> String {
        let mut leads_to_phi = false;
        operands::of_value(&self.body.values[v.index()].kind, &mut |v| {
            leads_to_phi |= matches!(self.body.values[v.index()].kind, ValueKind::Phi(_));
        });
        match self.body.values[v.index()].kind {
            ValueKind::Phi(_) => format!("φ{}", v.0),
            _ if leads_to_phi => format!("v{}", v.0),
            _ => self.value(v),
        }
    }

    fn place(&self, place: &Place) -> String {
        let mut out = match &place.base {
            Base::Local(local, v) => match &self.body.values[v.index()].kind {
                ValueKind::Param(_) | ValueKind::Capture(_) => self.local(*local),
                _ => format!("{}={}", self.local(*local), self.short(*v)),
            },
            Base::Path(path) => path.to_string(),
            Base::Value(v) => format!("<{}>", self.value(*v)),
        };
        for proj in &place.proj {
            out = match proj {
                Proj::Field(name) => format!("{out}.{name}"),
                Proj::Index(v) => format!("{out}[{}]", self.value(*v)),
                Proj::Deref => format!("(*{out})"),
            };
        }
        out
    }

    fn ordering(&self, arg: &OrderingArg) -> String {
        match arg.kind {
            OrderingKind::Fixed(o) => o.name().to_owned(),
            OrderingKind::Value(v) => self.value(v),
        }
    }

    fn event(&self, id: EventId) -> String {
        let event = &self.body.events[id.index()];
        let list = |vs: &[ValueId]| vs.iter().map(|v| self.value(*v)).collect::<Vec<_>>().join(", ");
        let what = match &event.kind {
            EventKind::Atomic(op) => {
                let mut args: Vec<String> = op.args.iter().map(|v| self.value(*v)).collect();
                args.extend(op.ordering.iter().map(|o| self.ordering(o)));
                args.extend(op.failure.iter().map(|o| self.ordering(o)));
                format!("{:?} {}({})", op.kind, self.place(&op.receiver), args.join(", "))
            }
            EventKind::Fence { ordering, compiler } => {
                format!("{} {}", if *compiler { "compiler fence" } else { "fence" }, self.ordering(ordering))
            }
            EventKind::Call(call) => {
                let callee = match &call.callee {
                    Callee::Path(path) => path.to_string(),
                    Callee::Method { receiver, name, .. } => format!("{}.{name}", self.place(receiver)),
                    Callee::Value(v) => format!("<{}>", self.value(*v)),
                };
                format!("call {callee}({})", list(&call.args))
            }
            EventKind::Macro(m) => {
                let opaque = if m.opaque { " opaque" } else { "" };
                format!("{}!({}){opaque}", m.path, list(&m.args))
            }
            EventKind::Read(place) => format!("read {}", self.place(place)),
            EventKind::Write { place, value } => format!("{} = {}", self.place(place), self.value(*value)),
            EventKind::Assign { local, value } => format!("{} := {}", self.local(*local), self.value(*value)),
            EventKind::Borrow { place, mutable, raw } => {
                let raw = if *raw { "raw " } else { "" };
                format!("borrow {raw}{}{}", mutability(*mutable), self.place(place))
            }
            EventKind::ScopeEnd(local) => format!("end {}", self.local(*local)),
            EventKind::Await(v) => format!("await {}", self.value(*v)),
            EventKind::Opaque => format!("opaque {}", slice(self.source, event.span)),
        };
        let is_unsafe = if event.is_unsafe { " unsafe" } else { "" };
        let cfg = event.cfg.as_ref().map_or_else(String::new, |cfg| format!(" {}", self::cfg(cfg)));
        format!("#{} {what}{is_unsafe}{cfg}", id.0)
    }

    fn term(&self, term: &Terminator) -> String {
        match term {
            Terminator::Goto(to) => format!("goto b{}", to.0),
            Terminator::Branch { cond, then, otherwise } => {
                format!("if {} b{} else b{}", self.value(*cond), then.0, otherwise.0)
            }
            Terminator::Switch { on, arms } => {
                let arms: Vec<String> = arms.iter().map(|(p, b)| format!("{} b{}", pat(p), b.0)).collect();
                format!("match {}: {}", self.value(*on), arms.join(", "))
            }
            Terminator::Try { on, ok, error } => {
                format!("try {} b{} else b{}", self.value(*on), ok.0, error.0)
            }
            Terminator::Return(None) => "return".to_owned(),
            Terminator::Return(Some(v)) => format!("return {}", self.value(*v)),
            Terminator::Unreachable => "unreachable".to_owned(),
        }
    }
}

fn mutability(mutable: bool) -> &'static str {
    if mutable { "mut " } else { "" }
}

pub(super) fn cfg(cfg: &Cfg) -> String {
    let list = |all: &[Cfg]| all.iter().map(self::cfg).collect::<Vec<_>>().join(", ");
    match cfg {
        Cfg::All(all) => format!("all({})", list(all)),
        Cfg::Any(any) => format!("any({})", list(any)),
        Cfg::Not(inner) => format!("not({})", self::cfg(inner)),
        Cfg::Flag(name) => name.clone(),
        Cfg::Equals(key, value) => format!("{key}={value:?}"),
    }
}

fn pat(pattern: &Pattern) -> String {
    let list = |all: &[Pattern]| all.iter().map(pat).collect::<Vec<_>>().join(", ");
    match pattern {
        Pattern::Any => "_".to_owned(),
        Pattern::Int(i) => i.to_string(),
        Pattern::Bool(b) => b.to_string(),
        Pattern::Lit(text) => text.clone(),
        Pattern::Path(path) => path.to_string(),
        Pattern::Struct { path, fields } => {
            let fields: Vec<String> = fields.iter().map(|(name, p)| format!("{name}: {}", pat(p))).collect();
            format!("{path} {{ {} }}", fields.join(", "))
        }
        Pattern::Tuple(all) => format!("({})", list(all)),
        Pattern::Slice(all) => format!("[{}]", list(all)),
        Pattern::Or(all) => all.iter().map(pat).collect::<Vec<_>>().join(" | "),
        Pattern::Opaque => "opaque".to_owned(),
    }
}
