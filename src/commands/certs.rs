//! `certs`: the files of a development authority and a serving certificate. A second run keeps what is still good,
//! replaces what is not and says so, and never touches a certificate that it has not made.

use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use anyhow::Context;
use time::OffsetDateTime;

use crate::cli::CertsArgs;
use crate::trust::{self, Bundle, Unfit};

const AUTHORITY: &str = "ca.crt";
const CERTIFICATE: &str = "tls.crt";
const KEY: &str = "tls.key";

/// Makes or keeps the three files.
///
/// # Errors
/// A host is not one, a file cannot be written, or the folder holds somebody else's certificate.
pub fn run(args: &CertsArgs) -> anyhow::Result<()> {
    let (folder, now) = (&args.out, OffsetDateTime::now_utc());
    fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let old = read(folder)?;
    let old = old.map(|bundle| trust::inspect(&bundle, &args.hosts, now));
    let done = match &old {
        Some(Ok(last_day)) => format!("kept, good until {last_day}"),
        Some(Err(Unfit::Foreign)) => {
            anyhow::bail!(
                "{} holds files that this command has not made; choose another --out",
                folder.display()
            )
        }
        Some(Err(unfit)) => {
            write(folder, &trust::bundle(&args.hosts, now)?)?;
            format!("replaced, because {unfit}: print the manifests again for the new {AUTHORITY}")
        }
        None => {
            write(folder, &trust::bundle(&args.hosts, now)?)?;
            "made".to_owned()
        }
    };
    let files = format!("{AUTHORITY}, {CERTIFICATE} and {KEY} in {}", folder.display());
    writeln!(io::stdout(), "{files} for {}: {done}", args.hosts.join(", ")).context("cannot print")
}

/// What an earlier run has left; a part that is missing is empty.
fn read(folder: &Path) -> anyhow::Result<Option<Bundle>> {
    let text = |name: &str| {
        let path = folder.join(name);
        match fs::read_to_string(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(String::new()),
            read => read.with_context(|| format!("cannot read {}", path.display())),
        }
    };
    let bundle = Bundle {
        authority: text(AUTHORITY)?,
        certificate: text(CERTIFICATE)?,
        key: text(KEY)?,
    };
    let parts = [&bundle.authority, &bundle.certificate, &bundle.key];
    Ok(parts.iter().any(|part| !part.is_empty()).then_some(bundle))
}

fn write(folder: &Path, bundle: &Bundle) -> anyhow::Result<()> {
    // The key first: a server that looks in between finds a pair that does not fit, and keeps its old one.
    for (name, text, mode) in [
        (KEY, &bundle.key, 0o600),
        (CERTIFICATE, &bundle.certificate, 0o644),
        (AUTHORITY, &bundle.authority, 0o644),
    ] {
        let path = folder.join(name);
        replace(&path, text, mode).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}

/// Written aside and renamed, so that nobody reads half a file and the mode holds from the first byte.
fn replace(path: &Path, text: &str, mode: u32) -> io::Result<()> {
    let aside = path.with_extension("new");
    match fs::remove_file(&aside) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(&aside)?;
    file.write_all(text.as_bytes())?;
    fs::rename(&aside, path)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn certs(folder: &Path, host: &str) -> anyhow::Result<()> {
        run(&CertsArgs {
            out: folder.to_owned(),
            hosts: vec![host.to_owned()],
        })
    }

    #[test]
    fn a_second_run_keeps_what_is_good_and_replaces_what_is_not() {
        let folder = tempfile::tempdir().unwrap();
        certs(folder.path(), "localhost").unwrap();
        let first = read(folder.path()).unwrap();
        certs(folder.path(), "localhost").unwrap();
        assert_eq!(read(folder.path()).unwrap(), first);
        certs(folder.path(), "example.com").unwrap();
        assert_ne!(read(folder.path()).unwrap(), first);
    }

    #[test]
    fn only_the_owner_reads_the_key() {
        let folder = tempfile::tempdir().unwrap();
        certs(folder.path(), "localhost").unwrap();
        let mode = |name| fs::metadata(folder.path().join(name)).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(KEY), mode(CERTIFICATE), mode(AUTHORITY)), (0o600, 0o644, 0o644));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 3);
    }

    #[test]
    fn somebody_elses_files_are_left_alone() {
        for name in [AUTHORITY, CERTIFICATE, KEY] {
            let folder = tempfile::tempdir().unwrap();
            fs::write(folder.path().join(name), "precious").unwrap();
            let refused = certs(folder.path(), "localhost").unwrap_err().to_string();
            assert!(
                refused.ends_with("holds files that this command has not made; choose another --out"),
                "{refused}"
            );
            assert_eq!(fs::read_to_string(folder.path().join(name)).unwrap(), "precious");
        }
    }
}
