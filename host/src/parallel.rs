//! Work on many things at once, on as many processors as there are. For short pieces of work that wait for nothing; it
//! knows nothing of what they are.

use std::sync::atomic::{AtomicUsize, Ordering};

/// What `work` makes of each, in the same order.
pub fn side_by_side<T: Sync, R: Send>(all: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let next = AtomicUsize::new(0);
    let some = || -> Vec<(usize, R)> {
        let one = || {
            let index = next.fetch_add(1, Ordering::Relaxed);
            Some((index, work(all.get(index)?)))
        };
        std::iter::from_fn(one).collect()
    };
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let helpers = processors.min(all.len()).saturating_sub(1);
    let mut done = std::thread::scope(|scope| {
        // Where the system gives no more threads, those that there are do it all.
        let spawn = |_| std::thread::Builder::new().spawn_scoped(scope, some).ok();
        let helpers: Vec<_> = (0..helpers).map_while(spawn).collect();
        let mut done = some();
        for helper in helpers {
            match helper.join() {
                Ok(more) => done.extend(more),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        done
    });
    done.sort_by_key(|(index, _)| *index);
    done.into_iter().map(|(_, result)| result).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_in_the_order_of_what_they_are_of() {
        for length in [0, 1, 2, 1_000] {
            let all: Vec<usize> = (0..length).collect();
            assert_eq!(side_by_side(&all, |one| one * 2), all.iter().map(|one| one * 2).collect::<Vec<_>>());
        }
    }
}
