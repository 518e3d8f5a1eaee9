//! Types after names are resolved.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use super::DefId;

/// A resolved type. What could not be resolved is [`Type::Unknown`], which equals nothing of interest. A clone is cheap: what
/// it consists of is shared.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Type {
    /// An atomic, with its value type: `usize` for `AtomicUsize`, `*mut T` for `AtomicPtr<T>`.
    Atomic(Atomic, Arc<Type>),
    /// A type defined in the analysed crates.
    Adt(DefId, Args),
    /// A foreign type that the vocabulary knows.
    Known(Known, Args),
    /// Another foreign type, by path.
    External(Arc<str>, Args),
    /// `u32`, `bool`, `str`, `char`, …
    Prim(&'static str),
    Ref {
        mutable: bool,
        inner: Arc<Type>,
    },
    Ptr {
        mutable: bool,
        inner: Arc<Type>,
    },
    Slice(Arc<Type>),
    Array(Arc<Type>, Option<u64>),
    Tuple(Args),
    FnPtr,
    /// A generic parameter, by name, of the item that declares it.
    Param(Arc<str>),
    /// `impl Trait` or `dyn Trait`: the traits of the analysed crates among its bounds.
    Bounded(Vec<DefId>),
    Never,
    Unknown,
}

/// The types that a type consists of.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Args(Option<Arc<[Type]>>);

impl Deref for Args {
    type Target = [Type];

    fn deref(&self) -> &[Type] {
        self.0.as_deref().unwrap_or_default()
    }
}

impl From<Vec<Type>> for Args {
    fn from(types: Vec<Type>) -> Args {
        Args((!types.is_empty()).then(|| types.into()))
    }
}

impl<const N: usize> From<[Type; N]> for Args {
    fn from(types: [Type; N]) -> Args {
        Args((N > 0).then(|| types.into()))
    }
}

impl<'a> IntoIterator for &'a Args {
    type Item = &'a Type;
    type IntoIter = std::slice::Iter<'a, Type>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl FromIterator<Type> for Args {
    fn from_iter<I: IntoIterator<Item = Type>>(types: I) -> Args {
        types.into_iter().collect::<Vec<_>>().into()
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Atomic {
    Int,
    Bool,
    Ptr,
    /// `core::sync::atomic::Atomic<T>`: the kind follows the parameter.
    Generic,
    /// `crossbeam::atomic::AtomicCell<T>` and other cells of any `T`.
    Cell,
    /// `crossbeam_epoch::Atomic<T>`.
    Epoch,
    ArcSwap,
    ArcSwapOption,
}

impl Atomic {
    /// Whether each operation takes its ordering as an argument.
    pub fn takes_orderings(self) -> bool {
        matches!(self, Atomic::Int | Atomic::Bool | Atomic::Ptr | Atomic::Generic | Atomic::Epoch)
    }

    /// Whether the value leads to other memory.
    pub fn is_pointer(self) -> bool {
        matches!(self, Atomic::Ptr | Atomic::Epoch | Atomic::ArcSwap | Atomic::ArcSwapOption)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Known {
    Arc,
    Rc,
    Weak,
    Box,
    Vec,
    String,
    Map,
    Option,
    Result,
    Cell,
    RefCell,
    CellRef,
    UnsafeCell,
    Mutex,
    RwLock,
    /// An exclusive lock guard.
    Guard,
    /// A shared lock guard.
    ReadGuard,
    Condvar,
    Once,
    /// Initialised once, then shared: `OnceLock`, `Lazy`.
    Lazy,
    Padded,
    ManuallyDrop,
    MaybeUninit,
    NonNull,
    Pin,
    PhantomData,
    ThreadLocal,
    Thread,
    JoinHandle,
    Waker,
    AtomicWaker,
    Backoff,
    EpochOwned,
    EpochShared,
    /// An epoch guard or hazard pointer: keeps what was loaded under it from being freed.
    ReclaimGuard,
    /// A newtype that is its content for every purpose here.
    Transparent,
}

impl Type {
    /// A type of the analysed crates whose parameters are left open.
    pub fn open(def: DefId) -> Type {
        Type::Adt(def, Args::default())
    }

    pub fn unit() -> Type {
        Type::Tuple(Args::default())
    }

    pub fn reference(self, mutable: bool) -> Type {
        Type::Ref { mutable, inner: Arc::new(self) }
    }

    pub fn is_unknown(&self) -> bool {
        matches!(self, Type::Unknown)
    }

    /// What one automatic dereference gives, for types that are built in or known; in-crate `Deref` impls are
    /// [`Program::deref`](super::Program::deref)'s business.
    pub fn builtin_deref(&self) -> Option<&Type> {
        match self {
            Type::Ref { inner, .. } => Some(inner),
            Type::Known(
                Known::Arc
                | Known::Rc
                | Known::Box
                | Known::Guard
                | Known::ReadGuard
                | Known::CellRef
                | Known::Lazy
                | Known::Padded
                | Known::ManuallyDrop
                | Known::Pin
                | Known::ThreadLocal
                | Known::Transparent
                | Known::EpochOwned,
                args,
            ) => args.first(),
            _ => None,
        }
    }

    /// The type behind references, pointers and smart pointers.
    pub fn peeled(&self) -> &Type {
        let mut ty = self;
        loop {
            ty = match ty {
                Type::Ptr { inner, .. } => inner,
                Type::Known(Known::NonNull, args) if !args.is_empty() => &args[0],
                _ => match ty.builtin_deref() {
                    Some(inner) => inner,
                    None => return ty,
                },
            }
        }
    }

    /// The type behind references only.
    pub fn peeled_refs(&self) -> &Type {
        let mut ty = self;
        while let Type::Ref { inner, .. } = ty {
            ty = inner;
        }
        ty
    }

    /// Whether it leads to memory that the holder doesn't own alone: `&T`, `*T`, `Arc<T>`.
    pub fn is_shared_pointer(&self) -> bool {
        matches!(
            self,
            Type::Ref { mutable: false, .. }
                | Type::Ptr { .. }
                | Type::Known(Known::Arc | Known::Rc | Known::Weak | Known::NonNull | Known::EpochShared, _)
        )
    }

    /// Whether it is a reference or pointer of any kind, exclusive ones included.
    pub fn is_pointer(&self) -> bool {
        self.is_shared_pointer() || matches!(self, Type::Ref { .. } | Type::Known(Known::Pin, _))
    }

    /// Whether it is any kind of pointer, null or not.
    pub fn is_raw_pointer(&self) -> bool {
        matches!(self, Type::Ptr { .. } | Type::Known(Known::NonNull | Known::EpochShared, _))
    }

    pub fn is_guard(&self) -> bool {
        matches!(self, Type::Known(Known::Guard | Known::ReadGuard, _))
    }
}

impl fmt::Display for Atomic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Atomic::Int => "atomic integer",
            Atomic::Bool => "AtomicBool",
            Atomic::Ptr => "AtomicPtr",
            Atomic::Generic => "Atomic",
            Atomic::Cell => "AtomicCell",
            Atomic::Epoch => "epoch Atomic",
            Atomic::ArcSwap | Atomic::ArcSwapOption => "ArcSwap",
        })
    }
}
