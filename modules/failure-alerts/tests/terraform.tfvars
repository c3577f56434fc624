name   = "bank-loans"
target = { bucket = "bank-loans-data", manifest_prefix = "loans/_manifests" }
failure_events = {
  name = "bank-loans"
  events = {
    crawler = "{\"source\":[\"aws.glue\"],\"detail-type\":[\"Glue Crawler State Change\"]}"
    job     = "{\"source\":[\"aws.glue\"],\"detail-type\":[\"Glue Job State Change\"]}"
  }
  recoveries = {
    job = "{\"source\":[\"aws.glue\"],\"detail\":{\"state\":[\"SUCCEEDED\"]}}"
  }
  job_name      = "bank-loans"
  log_group     = "/aws-glue/jobs/bank-loans/output"
  workflow_name = "bank-loans"
}
subscriptions = { team = { endpoint = "data-team@example.com" } }
