//! Reads one file at once, as it is now: for looking at files that are not installed. The catalogue keeps what it has read
//! in `tree`.

use super::entry::{Entry, Place, Unusable};
use super::{parse, scan};

pub fn load(place: Place) -> Result<Entry, Unusable> {
    let unusable = |reason: String| Unusable { shown: place.shown.clone(), line: 0, reason };
    let real = place.path.canonicalize().map_err(|error| unusable(format!("cannot be read: {error}")))?;
    let (bytes, _) = scan::read(&real).map_err(unusable)?;
    parse(place, &bytes)
}
