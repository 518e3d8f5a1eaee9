//! Where fields lie in memory, and which of them can meet on one cache line.
//!
//! Offsets are exact for `repr(C)` types whose parts are known. A `repr(Rust)` type has no order of its own: the
//! compiler sorts fields by alignment, so two fields of it can meet unless one of them fills whole lines. What
//! counts as one line is what the processor moves together: most x86-64 and AArch64 cores fetch lines in pairs.
//! Generic and foreign types are at least empty; nothing is assumed of them beyond that.

use super::Facts;
use crate::contract::Word;
use crate::ir::{Attr, Base, Cfg, Field, Item, ItemKind, Struct, Terminator, Ty, ValueKind};
use crate::resolve::{Atomic, DefId, Known, Res, Type};

/// How deep types nest inside each other before the walk gives up.
const MAX_DEPTH: u32 = 24;

/// The alignment from which on a type is taken to be padded against something.
pub const SMALLEST_LINE: u64 = 32;

/// A family of processors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Machine {
    pub name: &'static str,
    /// The value of `target_arch`.
    pub arch: &'static str,
    /// Bytes of a pointer.
    pub word: u64,
    /// Bytes that travel between caches together.
    pub line: u64,
}

/// The machines whose users decide whether padding is enough; the others follow the same ladder.
pub const MACHINES: [Machine; 2] = [
    Machine { name: "x86-64", arch: "x86_64", word: 8, line: 128 },
    Machine { name: "AArch64", arch: "aarch64", word: 8, line: 128 },
];

/// How much room a type takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    /// Bytes; at least so many if not `exact`.
    pub size: u64,
    pub exact: bool,
    pub align: u64,
}

/// One field with its place.
#[derive(Clone, Debug)]
pub struct Slot {
    pub name: String,
    /// From the start of the type; at least so many bytes if not `exact`. In a type whose order is free this is
    /// where the compiler most likely puts it.
    pub offset: u64,
    pub exact: bool,
    pub extent: Extent,
}

/// The fields of a struct, by offset.
#[derive(Clone, Debug)]
pub struct Layout {
    pub slots: Vec<Slot>,
    pub extent: Extent,
    /// `repr(C)`: fields lie in the order of the source.
    pub ordered: bool,
}

/// Whether two fields meet on one line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sharing {
    Never,
    Can,
    Must,
}

impl Extent {
    fn exact(size: u64, align: u64) -> Self {
        Extent { size, exact: true, align }
    }

    fn at_least(size: u64, align: u64) -> Self {
        Extent { size, exact: false, align }
    }

    fn aligned(self, align: u64) -> Self {
        let align = align.max(self.align).max(1);
        Extent { size: self.size.next_multiple_of(align), align, ..self }
    }
}

impl Layout {
    pub fn slot(&self, field: &str) -> Option<&Slot> {
        self.slots.iter().find(|s| s.name == field)
    }

    /// The layout if these fields were each aligned to a line, and so filled up to its end.
    pub fn with_padded(&self, fields: &[String], line: u64) -> Layout {
        let mut slots = self.slots.clone();
        for slot in slots.iter_mut().filter(|s| fields.contains(&s.name)) {
            slot.extent = slot.extent.aligned(line);
        }
        if !self.ordered {
            slots.sort_by_key(|s| std::cmp::Reverse(s.extent.align));
        }
        let (mut end, mut exact) = (0u64, true);
        for slot in &mut slots {
            slot.offset = end.next_multiple_of(slot.extent.align.max(1));
            slot.exact = exact;
            end = slot.offset + slot.extent.size;
            exact &= slot.extent.exact;
        }
        let align = slots.iter().map(|s| s.extent.align).chain([self.extent.align]).max().unwrap_or(1);
        let extent = Extent { size: end, exact, align: 1 }.aligned(align);
        Layout { slots, extent, ordered: self.ordered }
    }

    /// Whether two fields can lie on one line of so many bytes.
    pub fn sharing(&self, a: &str, b: &str, line: u64) -> Sharing {
        let (Some(a), Some(b)) = (self.slot(a), self.slot(b)) else { return Sharing::Never };
        let (a, b) = if a.offset <= b.offset { (a, b) } else { (b, a) };
        if a.extent.align >= line || b.extent.align >= line {
            return Sharing::Never;
        }
        let small = self.extent.exact && self.extent.size <= line / 2;
        if !self.ordered {
            let forced = small || self.extent.exact && self.extent.align >= line && self.extent.size <= line;
            return if forced { Sharing::Must } else { Sharing::Can };
        }
        let last_of_a = a.offset + a.extent.size.max(1) - 1;
        // The type may start anywhere on a line that its alignment allows.
        let mut starts = (0..line).step_by(self.extent.align.clamp(1, line) as usize);
        let meets = |start: u64| (start + last_of_a) / line == (start + b.offset) / line;
        let exact = a.exact && b.exact;
        if exact && starts.clone().all(meets) || small {
            Sharing::Must
        } else if starts.any(meets) {
            Sharing::Can
        } else {
            Sharing::Never
        }
    }
}

impl Facts<'_> {
    /// The struct record of a definition.
    pub fn struct_of(&self, adt: DefId) -> Option<&Struct> {
        match &self.program.def(adt).item.kind {
            ItemKind::Struct(s) => Some(s),
            _ => None,
        }
    }

    pub fn field(&self, adt: DefId, name: &str) -> Option<&Field> {
        self.struct_of(adt)?.fields.iter().find(|f| f.name == name)
    }

    /// Where the fields of a struct lie on a machine.
    pub fn layout(&self, adt: DefId, machine: &Machine) -> Option<Layout> {
        self.struct_of(adt)?;
        Some(self.layout_at(adt, &[], machine, 0))
    }

    /// The room that a value of this type takes.
    pub fn extent(&self, ty: &Type, machine: &Machine) -> Extent {
        self.extent_at(ty, machine, 0)
    }

    /// The alignment that the attributes of a type ask for; 1 if none do.
    pub fn alignment_asked(&self, adt: DefId, machine: &Machine) -> u64 {
        let marked = self.program.annotation(adt, Word::Padded);
        let marked = marked.is_some_and(|a| holds(&a.attr.cfg, machine) != Some(false));
        let asked = repr_alignment(&self.program.def(adt).item.attrs, machine);
        if marked { asked.max(machine.line) } else { asked }
    }

    /// Whether a field keeps whole lines to itself.
    pub fn is_padded_field(&self, adt: DefId, field: &str, machine: &Machine) -> bool {
        self.layout(adt, machine).and_then(|l| l.slot(field).map(|s| s.extent.align)).is_some_and(|a| a >= machine.line)
    }

    fn layout_at(&self, adt: DefId, args: &[Type], machine: &Machine, depth: u32) -> Layout {
        let item = self.program.def(adt).item;
        let ItemKind::Struct(s) = &item.kind else {
            return Layout { slots: Vec::new(), extent: Extent::at_least(0, 1), ordered: false };
        };
        let mut slots: Vec<Slot> = s
            .fields
            .iter()
            .filter(|f| holds(&f.cfg, machine) != Some(false))
            .map(|f| Slot {
                name: f.name.clone(),
                offset: 0,
                exact: true,
                extent: self.field_extent(adt, args, f, machine, depth),
            })
            .collect();
        let ordered = has_repr(item, "C", machine);
        let packed = has_repr(item, "packed", machine);
        if !ordered {
            // What the compiler does today: the widest alignment first, otherwise as written.
            slots.sort_by_key(|s| std::cmp::Reverse(s.extent.align));
        }
        let (mut at, mut exact, mut align) = (0_u64, true, 1);
        for slot in &mut slots {
            let own = if packed { 1 } else { slot.extent.align };
            at = at.next_multiple_of(own);
            slot.offset = at;
            slot.exact = exact;
            at += slot.extent.size;
            exact &= slot.extent.exact;
            align = align.max(own);
        }
        let extent = Extent { size: at, exact, align }.aligned(self.alignment_asked(adt, machine));
        Layout { slots, extent, ordered }
    }

    fn field_extent(&self, adt: DefId, args: &[Type], field: &Field, machine: &Machine, depth: u32) -> Extent {
        let written = self.program.lower_type(adt, &field.ty);
        let names = self.struct_of(adt).map_or_else(Vec::new, |s| crate::resolve::infer::type_params(&s.generics));
        let ty = crate::resolve::infer::substitute(&written, &names, args);
        let mut extent = match (&ty, &field.ty) {
            (Type::Array(inner, None), Ty::Array(_, len)) => match self.constant_length(adt, len, machine) {
                Some(n) => repeat(self.extent_at(inner, machine, depth + 1), n),
                None => self.extent_at(&ty, machine, depth + 1),
            },
            _ => self.extent_at(&ty, machine, depth + 1),
        };
        let marked = self.program.field_annotation(adt, field, Word::Padded);
        let marked = marked.is_some_and(|a| holds(&a.attr.cfg, machine) != Some(false));
        if marked {
            extent = extent.aligned(machine.line);
        }
        extent
    }

    fn extent_at(&self, ty: &Type, machine: &Machine, depth: u32) -> Extent {
        if depth > MAX_DEPTH {
            return Extent::at_least(0, 1);
        }
        let of = |t: &Type| self.extent_at(t, machine, depth + 1);
        let word = machine.word;
        match ty {
            Type::Prim(name) => primitive(name, word),
            Type::Atomic(kind, value) => match kind {
                Atomic::Ptr | Atomic::Epoch | Atomic::ArcSwap | Atomic::ArcSwapOption => Extent::exact(word, word),
                // An atomic is aligned to its size even where the integer is not.
                _ => {
                    let value = of(value);
                    if value.exact && value.size.is_power_of_two() { value.aligned(value.size) } else { value }
                }
            },
            Type::Adt(adt, args) => match &self.program.def(*adt).item.kind {
                ItemKind::Struct(_) => self.layout_at(*adt, args, machine, depth + 1).extent,
                _ => Extent::at_least(1, 1),
            },
            Type::Known(known, args) => self.known_extent(*known, args, machine, depth),
            Type::Ref { inner, .. } | Type::Ptr { inner, .. } => Extent::exact(pointer_size(inner, word), word),
            Type::Array(inner, Some(n)) => repeat(of(inner), *n),
            Type::Array(inner, None) => Extent::at_least(0, of(inner).align),
            Type::Tuple(items) => {
                let parts: Vec<Extent> = items.iter().map(of).collect();
                let align = parts.iter().map(|p| p.align).max().unwrap_or(1);
                let size: u64 = parts.iter().map(|p| p.size).sum();
                Extent { size, exact: parts.iter().all(|p| p.exact), align: 1 }.aligned(align)
            }
            Type::FnPtr => Extent::exact(word, word),
            Type::Never => Extent::exact(0, 1),
            // Padding wrappers of crates that the vocabulary does not know say so in their names.
            Type::External(path, args) if is_padding_name(path.rsplit("::").next().unwrap_or("")) => {
                args.first().map_or(Extent::at_least(0, 1), of).aligned(machine.line)
            }
            Type::External(..) | Type::Slice(_) | Type::Param(_) | Type::Bounded(_) | Type::Unknown => {
                Extent::at_least(0, 1)
            }
        }
    }

    fn known_extent(&self, known: Known, args: &[Type], machine: &Machine, depth: u32) -> Extent {
        let word = machine.word;
        let inner = || args.first().map_or(Extent::at_least(0, 1), |t| self.extent_at(t, machine, depth + 1));
        let more = |bytes: u64, align: u64| {
            let i = inner();
            Extent::at_least(i.size + bytes, i.align.max(align))
        };
        match known {
            Known::Arc | Known::Rc | Known::Weak | Known::Box | Known::NonNull => {
                Extent::exact(args.first().map_or(word, |t| pointer_size(t, word)), word)
            }
            Known::Vec | Known::String => Extent::exact(3 * word, word),
            Known::Map => Extent::at_least(3 * word, word),
            Known::Option => match args.first() {
                Some(Type::Ref { .. } | Type::Known(Known::Arc | Known::Rc | Known::Box | Known::NonNull, _)) => {
                    inner()
                }
                _ => more(0, 1),
            },
            Known::Cell | Known::UnsafeCell | Known::ManuallyDrop | Known::MaybeUninit | Known::Transparent => inner(),
            Known::Pin => inner(),
            Known::RefCell => more(word, word),
            Known::Mutex => more(1, 1),
            Known::RwLock => more(word, word.min(8)),
            Known::Condvar | Known::Once => Extent::at_least(4, 4),
            Known::Lazy => more(4, 4),
            Known::Padded => inner().aligned(machine.line),
            Known::PhantomData => Extent::exact(0, 1),
            Known::Thread | Known::EpochOwned | Known::EpochShared => Extent::exact(word, word),
            Known::Waker => Extent::exact(2 * word, word),
            Known::AtomicWaker => Extent::at_least(3 * word, word),
            Known::JoinHandle => Extent::at_least(2 * word, word),
            Known::Result
            | Known::CellRef
            | Known::Guard
            | Known::ReadGuard
            | Known::ThreadLocal
            | Known::Backoff
            | Known::ReclaimGuard => Extent::at_least(1, 1),
        }
    }

    /// The value of an array length: integers, constants, `size_of::<T>()` and arithmetic between them.
    fn constant_length(&self, context: DefId, text: &str, machine: &Machine) -> Option<u64> {
        let text = text.trim().trim_start_matches('{').trim_end_matches('}');
        let mut reader = Arithmetic { facts: self, context, machine, text, at: 0, depth: 0 };
        let value = reader.sum()?;
        reader.blank();
        (reader.at == text.len()).then_some(value)?.try_into().ok()
    }

    /// The number that a constant of the analysed crates is.
    fn constant(&self, context: DefId, name: &str) -> Option<i128> {
        let span = crate::ir::Span::new(0, 0);
        let path = crate::ir::Path::of_names(name.split("::"), span);
        let Res::Def(def) = self.program.resolve_value_path(self.program.def(context).scope, &path) else {
            return None;
        };
        let body = self.program.body_of(def)?;
        let b = self.program.body(body).ir;
        let mut value = b.blocks.iter().find_map(|bl| match bl.term {
            Terminator::Return(v) => v,
            _ => None,
        })?;
        for _ in 0..4 {
            match self.value(body, value) {
                ValueKind::Int(n) => return Some(*n),
                ValueKind::Read(p) if p.proj.is_empty() => match p.base {
                    Base::Local(_, v) | Base::Value(v) => value = v,
                    Base::Path(_) => return None,
                },
                ValueKind::Cast(v, _) => value = *v,
                _ => return None,
            }
        }
        None
    }
}

/// Reads an arithmetic expression.
struct Arithmetic<'t, 'f, 'a> {
    facts: &'f Facts<'a>,
    context: DefId,
    machine: &'f Machine,
    text: &'t str,
    at: usize,
    depth: u32,
}

impl Arithmetic<'_, '_, '_> {
    fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    fn blank(&mut self) {
        self.at += self.rest().len() - self.rest().trim_start().len();
    }

    fn eat(&mut self, token: &str) -> bool {
        self.blank();
        let found = self.rest().starts_with(token);
        if found {
            self.at += token.len();
        }
        found
    }

    fn sum(&mut self) -> Option<i128> {
        let mut value = self.product()?;
        loop {
            if self.eat("+") {
                value = value.checked_add(self.product()?)?;
            } else if self.eat("-") {
                value = value.checked_sub(self.product()?)?;
            } else {
                return Some(value);
            }
        }
    }

    fn product(&mut self) -> Option<i128> {
        let mut value = self.atom()?;
        loop {
            if self.eat("*") {
                value = value.checked_mul(self.atom()?)?;
            } else if self.eat("/") {
                value = value.checked_div(self.atom()?)?;
            } else {
                return Some(value);
            }
        }
    }

    fn atom(&mut self) -> Option<i128> {
        self.depth += 1;
        if self.depth > 32 {
            return None;
        }
        if self.eat("(") {
            let value = self.sum()?;
            return self.eat(")").then_some(value);
        }
        self.blank();
        let word: String = self.rest().chars().take_while(|c| c.is_alphanumeric() || "_:".contains(*c)).collect();
        if word.is_empty() {
            return None;
        }
        self.at += word.len();
        if word.starts_with(|c: char| c.is_ascii_digit()) {
            let digits = word.trim_end_matches("usize").replace('_', "");
            return digits.parse().ok();
        }
        let name = word.trim_end_matches("::");
        if name.rsplit("::").next() == Some("size_of") && self.eat("<") {
            let end = self.rest().find('>')?;
            let inner = self.rest()[..end].trim().to_owned();
            self.at += end + 1;
            return (self.eat("(") && self.eat(")")).then(|| self.size_of(&inner))?;
        }
        self.facts.constant(self.context, name)
    }

    fn size_of(&self, name: &str) -> Option<i128> {
        let span = crate::ir::Span::new(0, 0);
        let ty = Ty::Path(crate::ir::Path::of_names(name.split("::"), span));
        let extent = self.facts.extent(&self.facts.program.lower_type(self.context, &ty), self.machine);
        extent.exact.then_some(i128::from(extent.size))
    }
}

fn repeat(item: Extent, n: u64) -> Extent {
    Extent { size: item.size.saturating_mul(n), exact: item.exact, align: item.align }
}

fn primitive(name: &str, word: u64) -> Extent {
    let size = match name {
        "u8" | "i8" | "bool" => 1,
        "u16" | "i16" | "f16" => 2,
        "u32" | "i32" | "f32" | "char" => 4,
        "u64" | "i64" | "f64" => 8,
        "u128" | "i128" | "f128" => 16,
        "usize" | "isize" => word,
        _ => return Extent::at_least(0, 1),
    };
    Extent::exact(size, size)
}

fn pointer_size(pointee: &Type, word: u64) -> u64 {
    match pointee {
        Type::Slice(_) | Type::Prim("str") | Type::Bounded(_) => 2 * word,
        _ => word,
    }
}

/// The alignment that `repr` gives a type.
fn repr_alignment(attrs: &[Attr], machine: &Machine) -> u64 {
    let mut align = 1;
    for a in attrs {
        if a.path == "repr" && holds(&a.cfg, machine) != Some(false) {
            let asked = a.tokens.split("align").skip(1).filter_map(|t| {
                let digits: String =
                    t.chars().skip_while(|c| !c.is_ascii_digit()).take_while(char::is_ascii_digit).collect();
                digits.parse::<u64>().ok()
            });
            align = asked.fold(align, u64::max);
        }
    }
    align
}

pub(super) fn has_repr(item: &Item, name: &str, machine: &Machine) -> bool {
    item.attrs.iter().any(|a| {
        a.path == "repr"
            && holds(&a.cfg, machine) != Some(false)
            && a.tokens.split([',', '(', ' ']).any(|t| t.trim_end_matches(')') == name)
    })
}

/// Whether a type's name says that it keeps its content on a line of its own.
pub fn is_padding_name(name: &str) -> bool {
    let name = name.to_lowercase();
    name.contains("padded") || name.contains("cachealign") || name.contains("cacheline")
}

/// Whether a condition holds on a machine, as far as the machine decides it.
pub fn holds(cfg: &Cfg, machine: &Machine) -> Option<bool> {
    match cfg {
        Cfg::All(all) => {
            let parts: Vec<Option<bool>> = all.iter().map(|c| holds(c, machine)).collect();
            if parts.contains(&Some(false)) { Some(false) } else { parts.iter().all(Option::is_some).then_some(true) }
        }
        Cfg::Any(any) => {
            let parts: Vec<Option<bool>> = any.iter().map(|c| holds(c, machine)).collect();
            if parts.contains(&Some(true)) { Some(true) } else { parts.iter().all(Option::is_some).then_some(false) }
        }
        Cfg::Not(c) => holds(c, machine).map(|b| !b),
        Cfg::Equals(key, value) => match key.as_str() {
            "target_arch" => Some(value == machine.arch),
            "target_pointer_width" => Some(value.parse() == Ok(machine.word * 8)),
            _ => None,
        },
        Cfg::Flag(_) => None,
    }
}
