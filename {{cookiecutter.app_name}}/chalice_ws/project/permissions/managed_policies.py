"""Policies of AWS that owners attach to the role of a function, and what they allow.

Each has the actions among LISTED_ACTIONS of `role_permissions` alone: it may allow others. A test
compares the table with the policies that moto has.
"""

_NETWORK = "ec2:*NetworkInterface*"
_STREAM = "dynamodb:*"
_KINESIS = "kinesis:*"
_PARAMETER = "ssm:GetParameter"
_SQS = "sqs:*"
_TRACE = "xray:Put*"

MANAGED_POLICIES: dict[str, tuple[str, ...]] = {
    "AWSLambdaBasicExecutionRole": (),
    "AWSLambdaDynamoDBExecutionRole": (_STREAM,),
    "AWSLambdaENIManagementAccess": (_NETWORK,),
    "AWSLambdaExecute": (),
    "AWSLambdaInvocation-DynamoDB": (_STREAM,),
    "AWSLambdaKinesisExecutionRole": (_KINESIS,),
    "AWSLambdaMSKExecutionRole": (_NETWORK,),
    "AWSLambdaRole": (),
    "AWSLambdaSQSQueueExecutionRole": (_SQS,),
    "AWSLambdaVPCAccessExecutionRole": (_NETWORK,),
    "AWSXRayDaemonWriteAccess": (_TRACE,),
    "AWSXrayFullAccess": (_TRACE,),
    "AWSXrayWriteOnlyAccess": (_TRACE,),
    "AdministratorAccess": ("*",),
    "AmazonAPIGatewayInvokeFullAccess": (),
    "AmazonDynamoDBFullAccess": (_STREAM, "kinesis:DescribeStream", "kinesis:ListStreams"),
    "AmazonDynamoDBFullAccess_v2": (_STREAM, "kinesis:DescribeStream", "kinesis:ListStreams"),
    "AmazonDynamoDBReadOnlyAccess": (
        "dynamodb:DescribeStream",
        "dynamodb:ListStreams",
        "kinesis:DescribeStream",
        "kinesis:ListStreams",
    ),
    "AmazonEC2FullAccess": (_NETWORK,),
    "AmazonEC2ReadOnlyAccess": ("ec2:DescribeNetworkInterfaces",),
    "AmazonKinesisFullAccess": (_KINESIS,),
    "AmazonKinesisReadOnlyAccess": (_KINESIS,),
    "AmazonS3FullAccess": (),
    "AmazonS3ReadOnlyAccess": (),
    "AmazonSESFullAccess": (),
    "AmazonSNSFullAccess": (),
    "AmazonSQSFullAccess": (_SQS,),
    "AmazonSQSReadOnlyAccess": ("sqs:GetQueueAttributes",),
    "AmazonSSMReadOnlyAccess": (_PARAMETER,),
    "AmazonVPCFullAccess": (_NETWORK,),
    "CloudWatchLambdaApplicationSignalsExecutionRolePolicy": ("xray:PutTraceSegments",),
    "CloudWatchLambdaInsightsExecutionRolePolicy": (),
    "PowerUserAccess": ("*",),
    "ReadOnlyAccess": (
        _STREAM,
        _KINESIS,
        _PARAMETER,
        "ec2:DescribeNetworkInterfaces",
        "sqs:GetQueueAttributes",
        "sqs:ReceiveMessage",
    ),
    "SecretsManagerReadWrite": (),
}
