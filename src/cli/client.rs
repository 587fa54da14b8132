//! The flags of clients behind gateways; those of the client provisioner keep its spelling.

use std::time::Duration;

use clap::Args;
use clap::builder::NonEmptyStringValueParser;

use crate::gateway::client::Defaults;

/// The client provisioner's image.
const IMAGE: &str = "alpine/curl";
/// And what it runs.
const COMMAND: [&str; 2] = ["sleep", "infinity"];
/// How long a client stays after its end.
const RETENTION: Duration = Duration::from_secs(3600);

/// Flags of GatewayClients and their pods.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Clients behind gateways")]
pub struct ClientArgs {
    /// Namespace of the clients that events ask for.
    #[arg(long, short = 'n', value_name = "NAMESPACE", default_value = "default", value_parser = NonEmptyStringValueParser::new())]
    pub client_namespace: String,
    /// Namespaces that an event may name. [default: --client-namespace alone]
    #[arg(long, value_name = "LIST", value_delimiter = ',', value_parser = NonEmptyStringValueParser::new())]
    client_namespaces: Vec<String>,
    /// Image of a client that names none. [default: alpine/curl]
    #[arg(long, short = 'i', value_name = "IMAGE", value_parser = NonEmptyStringValueParser::new())]
    client_image: Option<String>,
    /// What it runs: words with commas between them, those with a comma in quotes; or one word for each repetition.
    /// [default: sleep,infinity]
    #[arg(long, short = 'c', value_name = "COMMAND", value_parser = words)]
    client_command: Vec<Words>,
    /// How long a client stays after its end, so that an event that comes once more gets the same answer: 90s, 10m, 1h. One
    /// whose answer the sink has not taken yet stays up to 2 hours longer; an end that comes before its client, by causeid, is
    /// kept as long, and that client is not made before that is over. [default: 1h]
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    client_retention: Option<Duration>,
    /// Clients of a namespace that have not ended; events that ask for more are told to come again. Each replica counts those
    /// that it knows of: several can pass it together, by the events that they take at one moment. A ResourceQuota of
    /// count/gatewayclients.gateway.stationmaster.dev is exact, and counts those too that have ended and stay. As many ends
    /// of a namespace as this are kept beside them, by causeid, for clients that are not known; further ones are accepted and
    /// dropped.
    #[arg(long, value_name = "NUMBER", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..))]
    pub max_clients: u32,
}

/// Words of one repetition of a flag.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Words(Vec<String>);

impl ClientArgs {
    /// Namespaces that an event may name.
    #[must_use]
    pub fn namespaces(&self) -> Vec<String> {
        if self.client_namespaces.is_empty() {
            vec![self.client_namespace.clone()]
        } else {
            self.client_namespaces.clone()
        }
    }

    /// What a client's container is when the client does not say.
    #[must_use]
    pub fn defaults(&self) -> Defaults {
        let command = if self.client_command.is_empty() {
            COMMAND.map(str::to_owned).to_vec()
        } else {
            self.client_command.iter().flat_map(|words| words.0.clone()).collect()
        };
        Defaults {
            image: self.client_image.clone().unwrap_or_else(|| IMAGE.to_owned()),
            command,
        }
    }

    /// How long a client stays after its end.
    #[must_use]
    pub fn retention(&self) -> Duration {
        self.client_retention.unwrap_or(RETENTION)
    }

    /// The flags among them that are passed and that only the reconciler of clients reads.
    #[must_use]
    pub fn of_controllers(&self) -> Vec<&'static str> {
        let flags = [
            ("--client-image", self.client_image.is_some()),
            ("--client-command", !self.client_command.is_empty()),
            ("--client-retention", self.client_retention.is_some()),
        ];
        flags
            .into_iter()
            .filter(|(_, is_given)| *is_given)
            .map(|(flag, _)| flag)
            .collect()
    }
}

/// One line of CSV, as pflag reads the values of its slices.
fn words(text: &str) -> Result<Words, String> {
    let refused = || "say WORD,WORD,… and put a word with a comma in \"quotes\"".to_owned();
    let (mut words, mut rest) = (Vec::new(), text);
    if text.is_empty() {
        return Ok(Words::default());
    }
    loop {
        let (word, after) = if let Some(quoted) = rest.strip_prefix('"') {
            unquoted(quoted).ok_or_else(refused)?
        } else {
            let (word, after) = rest.split_at(rest.find(',').unwrap_or(rest.len()));
            if word.contains('"') {
                return Err(refused());
            }
            (word.to_owned(), after)
        };
        words.push(word);
        match after.strip_prefix(',') {
            Some(more) => rest = more,
            None if after.is_empty() => return Ok(Words(words)),
            None => return Err(refused()),
        }
    }
}

/// A word up to its closing quote, and what comes behind it; two quotes are one.
fn unquoted(text: &str) -> Option<(String, &str)> {
    let (mut word, mut rest) = (String::new(), text);
    loop {
        let (before, after) = rest.split_once('"')?;
        word.push_str(before);
        match after.strip_prefix('"') {
            Some(more) => {
                word.push('"');
                rest = more;
            }
            None => return Some((word, after)),
        }
    }
}

/// `1h30m`, in whole seconds, minutes, hours and days.
fn duration(text: &str) -> Result<Duration, String> {
    let refused = || "say 90s, 10m, 1h or 1h30m".to_owned();
    let (mut seconds, mut rest) = (0_u64, text);
    while !rest.is_empty() {
        let (number, unit) = rest.split_at(rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(refused)?);
        let number: u64 = number.parse().map_err(|_| refused())?;
        let (unit, after) = unit.split_at(1);
        let length = match unit {
            "s" => 1,
            "m" => 60,
            "h" => 3600,
            "d" => 86_400,
            _ => return Err(refused()),
        };
        let more = number.checked_mul(length).ok_or_else(refused)?;
        seconds = seconds
            .checked_add(more)
            .filter(|sum| *sum <= LONGEST)
            .ok_or_else(refused)?;
        rest = after;
    }
    (!text.is_empty())
        .then(|| Duration::from_secs(seconds))
        .ok_or_else(refused)
}

/// A hundred years.
const LONGEST: u64 = 36_500 * 86_400;

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Flags {
        #[command(flatten)]
        client: ClientArgs,
    }

    fn client(flags: &[&str]) -> Result<ClientArgs, clap::Error> {
        Flags::try_parse_from([&["x"], flags].concat()).map(|flags| flags.client)
    }

    fn command(flags: &[&str]) -> Vec<String> {
        client(flags).unwrap().defaults().command
    }

    #[test]
    fn without_flags_as_upstream() {
        let client = client(&[]).unwrap();
        assert_eq!(client.namespaces(), ["default"]);
        assert_eq!(client.defaults().image, "alpine/curl");
        assert_eq!(client.defaults().command, ["sleep", "infinity"]);
        assert_eq!(
            (client.retention(), client.max_clients),
            (Duration::from_secs(3600), 1000)
        );
    }

    #[test]
    fn the_short_flags_of_upstream_are_taken() {
        let client = client(&["-n", "a", "-i", "b", "-c", "sleep,1", "-c2"]).unwrap();
        assert_eq!((&*client.client_namespace, &*client.defaults().image), ("a", "b"));
        assert_eq!(client.defaults().command, ["sleep", "1", "2"]);
    }

    #[test]
    fn a_command_is_csv_or_repeated() {
        for (flags, expected) in [
            (&["--client-command=sleep,1"][..], &["sleep", "1"][..]),
            (&["--client-command", "sleep", "--client-command", "1"], &["sleep", "1"]),
            (
                &["--client-command", "sh,-c,\"echo a, b; echo \"\"c\"\"\""],
                &["sh", "-c", "echo a, b; echo \"c\""],
            ),
            (&["--client-command=a,,b"], &["a", "", "b"]),
            (&["--client-command="], &[]),
        ] {
            assert_eq!(command(flags), expected, "{flags:?}");
        }
        for text in ["a\"b", "\"a", "\"a\"b"] {
            assert!(client(&["--client-command", text]).is_err(), "{text}");
        }
    }

    #[test]
    fn namespaces_are_the_one_or_the_list() {
        assert_eq!(client(&["--client-namespace=a"]).unwrap().namespaces(), ["a"]);
        let both = client(&["--client-namespace=a", "--client-namespaces=b,c"]).unwrap();
        assert_eq!(both.namespaces(), ["b", "c"]);
    }

    #[test]
    fn durations_have_units() {
        for (text, seconds) in [
            ("90s", 90),
            ("10m", 600),
            ("1h", 3600),
            ("1h30m", 5400),
            ("2d", 172_800),
            ("0s", 0),
        ] {
            assert_eq!(duration(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        for text in [
            "",
            "1",
            "s",
            "1w",
            "1.5h",
            "-1s",
            "1 h",
            "1hä",
            "99999999999999999999s",
            "40000d",
        ] {
            assert!(duration(text).is_err(), "{text}");
        }
    }
}
