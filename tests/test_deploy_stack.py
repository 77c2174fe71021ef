from tests.aws.account import REGION, Account, package
from tests.conftest import Bake
def test_x(aws, bake):
    app = bake()
    print(aws.make(app, "deploy", STAGE="dev"))
    print(aws.contents())
    print(aws.make(app, "url", STAGE="dev"))
    print(aws.make(app, "deploy", STAGE="dev"))
    print(aws.make(app, "destroy", STAGE="dev", YES="1"))
    print(aws.contents())
    assert 0
