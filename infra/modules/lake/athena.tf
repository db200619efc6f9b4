# Runs and people have workgroups of their own: what a person asks for cannot eat the runs' limits, and costs are told apart.

# Runs write their tables by `create table … with (external_location = …)`, which Athena refuses in a workgroup that insists on its own place
# for results. So this one only offers it; the functions name no other. The limit of a query holds anyway.
resource "aws_athena_workgroup" "runs" {
  #checkov:skip=CKV_AWS_82: each version of a model has a place of its own, which an enforced place of results refuses; people's workgroup enforces it
  name          = var.workgroup
  description   = "Runs of the lake ${var.name}"
  force_destroy = var.force_destroy
  tags          = var.tags

  configuration {
    enforce_workgroup_configuration    = false
    publish_cloudwatch_metrics_enabled = true
    bytes_scanned_cutoff_per_query     = var.scan_limit

    engine_version {
      selected_engine_version = "Athena engine version 3"
    }

    result_configuration {
      output_location = "s3://${aws_s3_bucket.this["results"].id}/runs/"

      encryption_configuration {
        encryption_option = "SSE_S3"
      }
    }
  }
}

resource "aws_athena_workgroup" "people" {
  name          = var.people_workgroup
  description   = "People's queries on the lake ${var.name}"
  force_destroy = var.force_destroy
  tags          = var.tags

  configuration {
    enforce_workgroup_configuration    = true
    publish_cloudwatch_metrics_enabled = true
    bytes_scanned_cutoff_per_query     = var.people_scan_limit

    engine_version {
      selected_engine_version = "Athena engine version 3"
    }

    result_configuration {
      output_location = "s3://${aws_s3_bucket.this["results"].id}/people/"

      encryption_configuration {
        encryption_option = "SSE_S3"
      }
    }
  }
}
