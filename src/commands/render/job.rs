//! `render job`: the Job that a JobTemplate makes of a payload, decided by the same functions as in the cluster.

use anyhow::{Context, bail};
use jiff::Timestamp;
use serde_json::Value;

use crate::api::dispatch::view::JobTemplate;
use crate::api::names::DISPATCH_GROUP;
use crate::cli::RenderJobArgs;
use crate::commands::manifest;
use crate::dispatch::compiled::Compiled;
use crate::dispatch::execution::UNKNOWN_UID;
use crate::dispatch::job::{self, Desired, Owner};
use crate::template::Input;

/// Prints one Job.
///
/// # Errors
/// When the file has no JobTemplate, or that one cannot be rendered; the text then names the field.
pub fn job(args: &RenderJobArgs) -> anyhow::Result<()> {
    let template = template(manifest::objects(&args.file)?)?;
    let desired = desired(&template, args)?;
    for warning in &desired.warnings {
        eprintln!("warning: {warning}");
    }
    manifest::print(&desired.job, args.output)
}

/// The one JobTemplate among the objects.
fn template(objects: Vec<Value>) -> anyhow::Result<JobTemplate> {
    let is_ours = |object: &Value| {
        let api_version = object["apiVersion"].as_str().unwrap_or_default();
        object["kind"] == "JobTemplate"
            && api_version
                .split_once('/')
                .is_some_and(|(group, _)| group == DISPATCH_GROUP)
    };
    let mut templates = objects.into_iter().filter(is_ours);
    match (templates.next(), templates.next()) {
        (Some(template), None) => serde_json::from_value(template).context("the JobTemplate cannot be decoded"),
        (None, _) => bail!("there is no JobTemplate of {DISPATCH_GROUP} in the file"),
        (Some(_), Some(_)) => bail!("there is more than one JobTemplate in the file"),
    }
}

fn desired(template: &JobTemplate, args: &RenderJobArgs) -> anyhow::Result<Desired> {
    // The API server's schema says the same.
    let job_template = template.job_template();
    let is_shaped = |member| matches!(job_template.get(member), None | Some(Value::Null | Value::Object(_)));
    if !job_template.is_object() || !is_shaped("metadata") || !is_shaped("spec") {
        bail!("spec.jobTemplate: must be a Job template, as a CronJob has it");
    }
    let compiled = Compiled::parse(template.job_template()).map_err(|causes| {
        let lines: Vec<_> = causes
            .iter()
            .map(|cause| format!("{}: {}", cause.field, cause.message))
            .collect();
        anyhow::anyhow!(lines.join("\n"))
    })?;
    let metadata = &template.metadata;
    let template_name = metadata.name.as_deref().unwrap_or_default();
    let name = args.name.as_deref().unwrap_or(template_name);
    let namespace = args
        .namespace
        .as_deref()
        .or(metadata.namespace.as_deref())
        .unwrap_or("default");
    let uid = UNKNOWN_UID;
    let date = Timestamp::now();
    let payload = &args.payload;
    let rendered = compiled.render(&Input {
        name,
        namespace,
        payload,
        template: template_name,
        uid,
        date,
    })?;
    Ok(job::of_rendered(Owner { name, namespace, uid }, rendered))
}
