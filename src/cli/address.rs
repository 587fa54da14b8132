//! Where to listen, spelled as Go spells it: `:8080` is every address, `0` or nothing is off.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// An address to listen on, or none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ListenAddress {
    /// Not at all: `0`, or empty.
    Off,
    /// On one address, or on all when the host is empty.
    At {
        /// IP address or name, without brackets; empty for all addresses.
        host: String,
        /// 0 lets the system choose.
        port: u16,
    },
}

impl ListenAddress {
    /// Whether only this machine can connect.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        match self {
            Self::Off => true,
            Self::At { host, .. } => {
                host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
            }
        }
    }
}

impl FromStr for ListenAddress {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.is_empty() || text == "0" {
            return Ok(Self::Off);
        }
        let (host, port) = text
            .rsplit_once(':')
            .ok_or("say HOST:PORT, or :PORT for all addresses")?;
        let port = port.parse().map_err(|_| format!("{port:?} is not a port"))?;
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        match bare {
            None if host.contains(':') => Err(format!("put the IPv6 address in brackets: [{host}]:{port}")),
            _ => Ok(Self::At {
                host: bare.unwrap_or(host).to_owned(),
                port,
            }),
        }
    }
}

impl fmt::Display for ListenAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Off => f.write_str("0"),
            Self::At { host, port } if host.contains(':') => write!(f, "[{host}]:{port}"),
            Self::At { host, port } => write!(f, "{host}:{port}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_go_are_taken() {
        let at = |host: &str, port| ListenAddress::At {
            host: host.to_owned(),
            port,
        };
        for (text, wanted) in [
            (":8080", at("", 8080)),
            ("0.0.0.0:8443", at("0.0.0.0", 8443)),
            ("[::1]:0", at("::1", 0)),
            ("localhost:9000", at("localhost", 9000)),
            ("0", ListenAddress::Off),
            ("", ListenAddress::Off),
        ] {
            assert_eq!(text.parse(), Ok(wanted), "{text}");
        }
    }

    #[test]
    fn a_bad_address_is_refused_with_the_remedy() {
        assert_eq!(
            "8080".parse::<ListenAddress>().unwrap_err(),
            "say HOST:PORT, or :PORT for all addresses"
        );
        assert_eq!(
            "::1:80".parse::<ListenAddress>().unwrap_err(),
            "put the IPv6 address in brackets: [::1]:80"
        );
        assert_eq!("a:http".parse::<ListenAddress>().unwrap_err(), "\"http\" is not a port");
    }

    #[test]
    fn loopback_is_known_by_name_and_number() {
        for (text, loopback) in [
            ("127.0.0.1:1", true),
            ("[::1]:1", true),
            ("localhost:1", true),
            ("0", true),
            (":1", false),
            ("0.0.0.0:1", false),
            ("[::]:1", false),
            ("192.0.2.1:1", false),
        ] {
            assert_eq!(text.parse::<ListenAddress>().unwrap().is_loopback(), loopback, "{text}");
        }
    }

    #[test]
    fn printing_and_reading_agree() {
        for text in [":1", "[::1]:2", "a.b:3", "0"] {
            assert_eq!(text.parse::<ListenAddress>().unwrap().to_string(), text);
        }
    }
}
