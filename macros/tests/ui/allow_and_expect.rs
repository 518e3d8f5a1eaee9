#[atomic_lint::allow]
struct NoArguments;

#[atomic_lint::allow()]
struct Empty;

#[atomic_lint::allow(reason = "no name")]
struct NoName;

#[atomic_lint::allow("torn_snapshot")]
struct Quoted;

#[atomic_lint::allow(TornSnapshot)]
struct CamelCase;

#[atomic_lint::allow(torn-snapshot)]
struct Dashed;

#[atomic_lint::allow(atomic_lint::torn_snapshot)]
struct Qualified;

#[atomic_lint::allow(torn_snapshot, torn_snapshot)]
struct Twice;

#[atomic_lint::allow(torn_snapshot, reason = 1)]
struct ReasonIsNoText;

#[atomic_lint::allow(torn_snapshot, reason = " ")]
struct ReasonIsEmpty;

#[atomic_lint::allow(torn_snapshot, reason = "one", reason = "two")]
struct TwoReasons;

#[atomic_lint::allow(torn_snapshot, until = 2027)]
struct DateIsANumber;

#[atomic_lint::allow(torn_snapshot, until = "2027-02-29")]
struct NoSuchDay;

#[atomic_lint::allow(torn_snapshot, because = "…")]
struct UnknownKey;

#[atomic_lint::allow(reason = "first", torn_snapshot)]
struct NameAfterReason;

#[atomic_lint::allow(=)]
struct NotAName;

#[atomic_lint::expect]
fn expect_nothing() {}

#[atomic_lint::expect(torn_snapshot, until = "31.12.2027")]
fn expect_until() {}

fn main() {}
