#pragma once
// Test suites register themselves by name; test_main runs the one that --suite names, or all.
//
//     class TstStatus : public QObject { Q_OBJECT private slots: void fillsArguments(); };
//     INGLENOOK_SUITE(status, TstStatus)
//     #include "tst_status.moc"

#include <functional>
#include <map>
#include <memory>
#include <QObject>
#include <QString>

namespace tests {

using SuiteFactory = std::function<std::unique_ptr<QObject>()>;
std::map<QString, SuiteFactory>& suites();

struct SuiteRegistration {
    SuiteRegistration(const char* name, SuiteFactory factory) {
        suites()[QString::fromLatin1(name)] = std::move(factory);
    }
};

/// Folder of this checkout's sources; folder of the build.
QString sourceDir();
QString binaryDir();
/// Third-party vectors (tokenizers, stories260K): $INGLENOOK_VECTORS, or empty. Tests skip with a
/// clear message then.
QString vectorsDir();

} // namespace tests

#define INGLENOOK_SUITE(name, Type)                                                                \
    static const ::tests::SuiteRegistration registration_##name(                                   \
        #name, [] { return std::unique_ptr<QObject>(new Type); });
