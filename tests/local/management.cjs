// Send commands with AWS's JavaScript client: read a JSON command from each line, write its result.
const aws = require("@aws-sdk/client-apigatewaymanagementapi");

const credentials = { accessKeyId: "any", secretAccessKey: "any" };
const client = new aws.ApiGatewayManagementApiClient({
  endpoint: process.argv[2],
  region: "us-east-1",
  credentials,
  maxAttempts: 1,
});

async function main() {
  for await (const line of require("readline").createInterface({ input: process.stdin })) {
    const [command, input] = JSON.parse(line);
    try {
      const { $metadata, ...rest } = await client.send(new aws[command](input));
      console.log(JSON.stringify({ status: $metadata.httpStatusCode, ...rest }));
    } catch (error) {
      console.log(JSON.stringify({ status: error.$metadata?.httpStatusCode, error: error.name }));
    }
  }
}

main();
