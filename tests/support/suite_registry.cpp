#include "tests/support/suite_registry.h"

namespace tests {

std::map<QString, SuiteFactory>& suites() {
    static std::map<QString, SuiteFactory>
        all; // the one static of the tests: registration runs before main
    return all;
}

QString sourceDir() {
    return QStringLiteral(INGLENOOK_SOURCE_DIR);
}
QString binaryDir() {
    return QStringLiteral(INGLENOOK_BINARY_DIR);
}
QString vectorsDir() {
    return qEnvironmentVariable("INGLENOOK_VECTORS");
}

} // namespace tests
