//! Bodies: a control-flow graph of blocks, each a list of events in evaluation order.
//!
//! Values are numbered and each is defined once (static single assignment; *Braun et al., Simple and Efficient
//! Construction of Static Single Assignment Form, CC 2013*): where a variable has several definitions on the
//! way to a use, a [`ValueKind::Phi`] joins them. So "what is stored here came from what was loaded there" is a
//! walk over operands. Memory behind places is not numbered: a field read twice gives two values.

use serde::{Deserialize, Serialize};

use super::{BodyIdx, Item, OrderingArg, Path, Span, Ty};

macro_rules! index {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        pub struct $name(pub u32);

        impl $name {
            pub fn index(self) -> usize {
                self.0 as usize
            }
        }
    )*};
}

index! {
    /// An index into [`Body::blocks`].
    BlockId;
    /// An index into [`Body::values`].
    ValueId;
    /// An index into [`Body::locals`].
    LocalId;
    /// An index into [`Body::loops`].
    LoopId;
    /// An index into [`Body::events`].
    EventId;
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Body {
    pub kind: BodyKind,
    /// The function, closure or block, head included.
    pub span: Span,
    /// The body that this closure or `async` block stands in.
    pub parent: Option<BodyIdx>,
    /// One local per parameter, `self` first; a parameter that is a pattern has a nameless local that the
    /// entry block takes apart.
    pub params: Vec<LocalId>,
    /// What a closure or `async` block takes from its parent.
    pub captures: Vec<Capture>,
    pub locals: Vec<Local>,
    pub values: Vec<Value>,
    pub events: Vec<Event>,
    /// `blocks[0]` is the entry. Blocks are in source order of their first event.
    pub blocks: Vec<Block>,
    pub loops: Vec<Loop>,
    /// Items declared inside the body.
    pub items: Vec<Item>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum BodyKind {
    Fn,
    /// `is_move` for `move |…|`.
    Closure {
        is_move: bool,
        is_async: bool,
    },
    AsyncBlock {
        is_move: bool,
    },
    /// The initialiser of a static or const, an array length, a default.
    Init,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Local {
    /// Empty for temporaries and patterns.
    pub name: String,
    /// The type as annotated.
    pub ty: Option<Ty>,
    pub mutable: bool,
    pub span: Span,
    /// The block in which it is declared (the entry block for parameters and captures).
    pub declared_in: BlockId,
    /// The innermost loop around its declaration.
    pub in_loop: Option<LoopId>,
    /// The value its `let` gives it.
    pub init: Option<ValueId>,
}

/// A variable of the parent that a closure uses.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Capture {
    /// The local inside this body that stands for it.
    pub local: LocalId,
    /// The local of the parent body.
    pub outer: LocalId,
    /// Its value in the parent where the closure is made.
    pub value: ValueId,
    /// Assigned or mutably borrowed in the closure.
    pub mutated: bool,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Value {
    pub kind: ValueKind,
    pub span: Span,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum ValueKind {
    /// The parameter with this index in [`Body::params`] (`self` is 0 where it exists).
    Param(u32),
    /// The capture with this index in [`Body::captures`].
    Capture(u32),
    Int(i128),
    Bool(bool),
    /// Any other literal, as written.
    Lit(String),
    /// A path that is no local: a constant, static, function, unit struct or variant. Reading a static goes
    /// through [`ValueKind::Read`]; a path used as a function to call does not appear as a value.
    Path(Box<Path>),
    /// What a place holds here (a copy or a move out of it).
    Read(Place),
    /// `&place`, `&mut place`; also made by method autoref where the receiver is a place.
    Ref {
        mutable: bool,
        place: Place,
    },
    /// `&raw const place`, `addr_of!(place)` and the `mut` forms.
    RawRef {
        mutable: bool,
        place: Place,
    },
    /// The result of an event.
    Event(EventId),
    Binary(BinOp, ValueId, ValueId),
    /// `!v`, `-v`.
    Not(ValueId),
    Neg(ValueId),
    Cast(ValueId, Box<Ty>),
    Tuple(Vec<ValueId>),
    Array(Vec<ValueId>),
    /// `[v; len]`, the length as written.
    Repeat(ValueId, String),
    /// `Path { name: value, ..rest }` and calls of tuple structs and variants that are recognisable as such
    /// (an upper-case last segment): `Some(v)`, `Ok(v)`, `Wrapper(v)`.
    Struct {
        path: Box<Path>,
        fields: Vec<(String, ValueId)>,
        rest: Option<ValueId>,
    },
    Closure(BodyIdx),
    AsyncBlock(BodyIdx),
    /// What a pattern takes out of a value: `Some(x)` gives `Part { of, variant: Some("Some"), field: "0" }`,
    /// `(a, b)` and `S { a }` have no variant. `&x` and `box` patterns are looked through; `by_ref` for `ref x`.
    Part {
        of: ValueId,
        variant: Option<String>,
        field: String,
    },
    /// `a..b`, `a..=b`.
    Range {
        start: Option<ValueId>,
        end: Option<ValueId>,
        inclusive: bool,
    },
    /// The element a `for` loop yields from the iterated value.
    Item(ValueId),
    /// `place is pattern`: the condition of an `if let`, `while let`, `let … else`, `matches!`.
    Matches {
        value: ValueId,
        pattern: Pattern,
    },
    /// One definition per predecessor edge. An operand may be the phi itself or lead back to it (loops).
    Phi(Vec<(BlockId, ValueId)>),
    /// The value of a variable after it was mutably borrowed by this event; `before` is the one it had.
    Mutated {
        before: ValueId,
        by: EventId,
    },
    /// `()`, the value of statements and of blocks without a tail.
    Unit,
    Unknown,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum BinOp {
    Add,
    Sub,
    Mul,
    Div,
    Rem,
    BitAnd,
    BitOr,
    BitXor,
    Shl,
    Shr,
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
    /// `&&` and `||` branch; these stand for the joined truth value.
    And,
    Or,
}

/// A piece of memory, as named at one point of a body.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Place {
    pub base: Base,
    pub proj: Vec<Proj>,
    pub span: Span,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Base {
    /// A variable, and the value it has here.
    Local(LocalId, ValueId),
    /// A path that is no local: a static or const (or something unresolvable).
    Path(Box<Path>),
    /// A temporary: `f().x`, `(*p).x` where `p` is an expression.
    Value(ValueId),
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Proj {
    Field(String),
    Index(ValueId),
    /// `*p`, explicit only; automatic dereferences are the resolver's business.
    Deref,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    pub kind: EventKind,
    pub span: Span,
    pub block: BlockId,
    /// Inside an `unsafe` block or an `unsafe fn`.
    pub is_unsafe: bool,
    /// The condition of `#[cfg]` on the statement, `cfg!()` branches excluded.
    pub cfg: Option<Box<super::Cfg>>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum EventKind {
    /// An operation that names itself: method of an atomic with orderings in their places. Whether the
    /// receiver is an atomic is for the resolver to say.
    Atomic(Box<AtomicOp>),
    Fence {
        ordering: OrderingArg,
        /// `compiler_fence`.
        compiler: bool,
    },
    Call(Call),
    /// A macro with its arguments lowered as expressions (format arguments included).
    Macro(MacroCall),
    /// A plain read of a place, other than a variable that is only named.
    Read(Place),
    /// `place = value`, `place op= value`, the place being more than a variable.
    Write {
        place: Place,
        value: ValueId,
    },
    /// A variable gets a new value: `x = v`, `x += v` (not its `let`).
    Assign {
        local: LocalId,
        value: ValueId,
    },
    /// A reference is taken: `&place`, `&mut place`, `&raw`. Method autoref is not an event of its own.
    Borrow {
        place: Place,
        mutable: bool,
        raw: bool,
    },
    /// A variable goes out of scope here (in reverse order of declaration; not on `return` and `?` edges,
    /// where everything goes).
    ScopeEnd(LocalId),
    Await(ValueId),
    /// Code that was not understood; its effects are unknown.
    Opaque,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AtomicOp {
    pub kind: AtomicOpKind,
    pub receiver: Place,
    /// The method name as written.
    pub method: String,
    pub method_span: Span,
    /// Value operands in order, orderings left out: `[new]` for stores and RMWs, `[expected, new]` for CAS,
    /// `[closure]` for updates; further arguments (a guard) behind them.
    pub args: Vec<ValueId>,
    /// The (success) ordering; `None` for methods that take none (`AtomicCell`), which are sequentially
    /// consistent or decided by the type.
    pub ordering: Option<OrderingArg>,
    /// The failure ordering of a CAS, the fetch ordering of `fetch_update`.
    pub failure: Option<OrderingArg>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum AtomicOpKind {
    Load,
    Store,
    Swap,
    FetchAdd,
    FetchSub,
    FetchAnd,
    FetchNand,
    FetchOr,
    FetchXor,
    FetchMax,
    FetchMin,
    /// `compare_exchange`, and `compare_and_swap` (which has no failure ordering and gives the old value).
    Cas {
        weak: bool,
    },
    /// `fetch_update`, `try_update`, `update`: a CAS loop around a closure.
    Update,
}

impl AtomicOpKind {
    pub fn reads(self) -> bool {
        self != AtomicOpKind::Store
    }

    pub fn writes(self) -> bool {
        self != AtomicOpKind::Load
    }

    /// Reads and writes in one step (CAS and closure updates included).
    pub fn is_rmw(self) -> bool {
        self.reads() && self.writes()
    }

    pub fn is_cas(self) -> bool {
        matches!(self, AtomicOpKind::Cas { .. })
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Call {
    pub callee: Callee,
    /// Arguments after the receiver.
    pub args: Vec<ValueId>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Callee {
    /// `path(args)`.
    Path(Path),
    /// `receiver.name::<T>(args)`.
    Method { receiver: Place, name: String, name_span: Span, turbofish: Vec<Ty> },
    /// `(expr)(args)`: a closure or function pointer held in a variable, field or temporary.
    Value(ValueId),
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MacroCall {
    /// As written: `println`, `log::info`.
    pub path: Path,
    pub args: Vec<ValueId>,
    /// The arguments could not be lowered.
    pub opaque: bool,
    /// Control does not come back: `panic!`, `unreachable!`, `todo!`.
    pub diverges: bool,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Block {
    /// In evaluation order.
    pub events: Vec<EventId>,
    pub term: Terminator,
    /// The innermost loop this block belongs to.
    pub in_loop: Option<LoopId>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Terminator {
    Goto(BlockId),
    /// `if`, `while`, `&&`, `||`, `if let`, match guards.
    Branch {
        cond: ValueId,
        then: BlockId,
        otherwise: BlockId,
    },
    /// `match`; arms in order. A guard is a `Branch` at the start of its arm's block, whose `otherwise` goes to
    /// a block that tries the remaining arms (a further `Switch` on the same value).
    Switch {
        on: ValueId,
        arms: Vec<(Pattern, BlockId)>,
    },
    /// `value?`: `on` is the scrutinee; `error` leads to a `Return`.
    Try {
        on: ValueId,
        ok: BlockId,
        error: BlockId,
    },
    /// With what is returned. Falling off the end is a return too.
    Return(Option<ValueId>),
    /// Control does not come past here: `panic!()`, `unreachable!()`, `process::exit()`, `abort()`.
    Unreachable,
}

/// What a pattern tests, bindings left out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Pattern {
    /// `_`, a binding, `..`: matches everything.
    Any,
    Int(i128),
    Bool(bool),
    /// Another literal or a range, as written.
    Lit(String),
    /// A constant, unit variant or unit struct.
    Path(Box<Path>),
    /// `Some(p)`, `S { a: p, .. }`.
    Struct {
        path: Box<Path>,
        fields: Vec<(String, Pattern)>,
    },
    Tuple(Vec<Pattern>),
    Slice(Vec<Pattern>),
    Or(Vec<Pattern>),
    Opaque,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Loop {
    pub kind: LoopKind,
    /// The block a back edge leads to; for `while` it evaluates the condition.
    pub header: BlockId,
    pub parent: Option<LoopId>,
    pub span: Span,
    pub label: Option<String>,
    /// What a `for` loop iterates over.
    pub iterates: Option<ValueId>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum LoopKind {
    Loop,
    While,
    For,
}
