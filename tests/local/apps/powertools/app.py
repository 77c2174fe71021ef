"""Structured logs, metrics and traces with Powertools for AWS Lambda."""

from aws_lambda_powertools import Logger, Metrics, Tracer
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.data_classes import APIGatewayProxyEvent
from boto3.session import Session
from chalice import Chalice
from chalice.app import ConvertToMiddleware

logger, metrics, tracer = Logger(), Metrics(), Tracer()

app = Chalice(app_name="powertools", configure_logs=False)
app.experimental_feature_flags.update(["WEBSOCKETS"])
app.websocket_api.session = Session()
app.register_middleware(ConvertToMiddleware(logger.inject_lambda_context))
app.register_middleware(ConvertToMiddleware(metrics.log_metrics(raise_on_empty_metrics=False)))
app.register_middleware(ConvertToMiddleware(tracer.capture_lambda_handler(capture_response=False)))


@app.middleware("http")
def add_path(event, get_response):
    logger.append_keys(request_path=event.path)
    return get_response(event)


@app.on_ws_message()
def message(event):
    metrics.add_metric(name="Messages", unit=MetricUnit.Count, value=1)
    logger.info("message", extra={"connection": event.connection_id})
    app.websocket_api.send(event.connection_id, event.body)


@app.route("/who/{name}")
@tracer.capture_method
def who(name):
    event = APIGatewayProxyEvent(app.current_request.to_original_event())
    logger.info("asked for %s", name)
    return {
        "ip": event.request_context.identity.source_ip,
        "stage": event.request_context.stage,
        "agent": event.headers.get("user-agent"),
        "path": event.path,
    }


@app.lambda_function()
def job(event, context):
    logger.info("job")
    return {"name": context.function_name, "arn": context.invoked_function_arn}
