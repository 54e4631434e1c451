//! Which process works in a folder, told apart from all others, those of other machines too.

use std::sync::OnceLock;

/// A process: the boot of the machine that it runs on, its name space of process numbers, its number there, and when it started, so that another one
/// that has its number later is not taken for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Process {
    boot: String,
    namespace: String,
    number: u32,
    start: u64,
}

/// What stands for what cannot be told.
const UNKNOWN: &str = "?";

impl Process {
    /// This one. A process that is forked off has to do without.
    pub fn this() -> &'static Self {
        static THIS: OnceLock<Process> = OnceLock::new();
        THIS.get_or_init(|| {
            let word = |text: Option<String>| match text.map(|text| text.trim().replace(char::is_whitespace, "")) {
                Some(text) if !text.is_empty() => text,
                _ => UNKNOWN.into(),
            };
            let namespace = std::fs::read_link("/proc/self/ns/pid").ok().map(|path| path.display().to_string());
            let number = std::process::id();
            Self {
                boot: word(boot()),
                namespace: word(namespace),
                number,
                start: state(number).map(|(_, start)| start).unwrap_or_default(),
            }
        })
    }

    /// In one line, as [`read`](Self::read) takes it.
    pub fn line(&self) -> String {
        format!("{} {} {} {}", self.boot, self.namespace, self.number, self.start)
    }

    /// What stands in a [line](Self::line); `None` where it is none.
    pub fn read(line: &str) -> Option<Self> {
        let [boot, namespace, number, start] = line.split(' ').collect::<Vec<_>>().try_into().ok()?;
        Some(Self { boot: boot.into(), namespace: namespace.into(), number: number.parse().ok()?, start: start.parse().ok()? })
    }

    /// Its number, and enough to tell it from others of that number: `<pid>-<8 hex digits>`.
    pub fn name(&self) -> String {
        format!("{}-{}", self.number, &blake3::hash(self.line().as_bytes()).to_hex()[..8])
    }

    /// Whether it has ended, where this process can tell: `None` for one on another machine or in another name space, of which nothing is known here.
    pub fn has_ended(&self) -> Option<bool> {
        let this = Self::this();
        let near = self.boot == this.boot
            && self.namespace == this.namespace
            && ![&self.boot, &self.namespace].contains(&&UNKNOWN.to_owned());
        near.then(|| match state(self.number) {
            // a dead one that its parent has not asked after is still listed
            Some((state, start)) => start != self.start || ['Z', 'X', 'x'].contains(&state),
            // SAFETY: signal 0 is sent to nobody. Where /proc hides it, this does not
            None => i32::try_from(self.number).is_ok_and(|number| unsafe { libc::kill(number, 0) } == -1 && gone()),
        })
    }
}

/// Whether the last call failed for want of the process.
fn gone() -> bool {
    std::io::Error::last_os_error().raw_os_error() == Some(libc::ESRCH)
}

/// What the machine calls this boot. Tests of several machines have one pretend.
fn boot() -> Option<String> {
    #[cfg(feature = "faults")]
    if let Ok(Some(super::fault::Fault::Host(name))) = super::fault::asked() {
        return Some(format!("host:{name}"));
    }
    std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()
}

/// State and time of the start of the process that has a number.
fn state(number: u32) -> Option<(char, u64)> {
    let text = std::fs::read_to_string(format!("/proc/{number}/stat")).ok()?;
    // the name before it may hold anything
    let mut fields = text.rsplit_once(") ")?.1.split(' ');
    Some((fields.next()?.chars().next()?, fields.nth(18)?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_there_until_it_ends_and_its_number_is_not_enough() {
        let this = Process::this();
        assert_eq!(Process::read(&this.line()).as_ref(), Some(this));
        assert_eq!(this.has_ended(), Some(false));
        let of_old = Process { start: this.start - 1, ..this.clone() };
        assert_eq!(of_old.has_ended(), Some(true));
        assert_ne!(of_old.name(), this.name());
        assert_eq!(Process { boot: "another".into(), ..this.clone() }.has_ended(), None);
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let start = state(child.id()).unwrap().1;
        let other = Process { number: child.id(), start, ..this.clone() };
        assert_eq!(other.has_ended(), Some(false));
        child.kill().unwrap();
        // dead, and not yet waited for
        let since = std::time::Instant::now();
        while other.has_ended() == Some(false) && since.elapsed().as_secs() < 10 {}
        assert_eq!(other.has_ended(), Some(true));
        child.wait().unwrap();
        assert_eq!(other.has_ended(), Some(true));
        assert_eq!(Process::read("a b c"), None);
    }
}
