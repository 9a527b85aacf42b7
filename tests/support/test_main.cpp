// Runs the suites of one floor: test_engine [--suite NAME] [Qt Test arguments], --list prints the
// names.
#include "tests/support/suite_registry.h"

#include <cstdio>
#include <QtTest/QtTest>

#ifdef INGLENOOK_TEST_WIDGETS
#include <QApplication>
using TestApplication = QApplication;
#else
#include <QCoreApplication>
using TestApplication = QCoreApplication;
#endif

int main(int argc, char** argv) {
    TestApplication application(argc, argv);
    QStringList arguments = application.arguments();
    if (arguments.contains(QStringLiteral("--list"))) {
        for (const auto& [name, factory] : tests::suites())
            std::printf("%s\n", qPrintable(name));
        return 0;
    }
    QString only;
    if (const qsizetype at = arguments.indexOf(QStringLiteral("--suite"));
        at > 0 && at + 1 < arguments.size()) {
        only = arguments.at(at + 1);
        arguments.remove(at, 2);
    }
    int failed = 0;
    int ran = 0;
    for (const auto& [name, factory] : tests::suites()) {
        if (!only.isEmpty() && name != only)
            continue;
        const std::unique_ptr<QObject> suite = factory();
        failed += QTest::qExec(suite.get(), arguments) != 0 ? 1 : 0;
        ++ran;
    }
    if (ran == 0) {
        std::fprintf(stderr, "No suite is called %s; --list shows them.\n", qPrintable(only));
        return 2;
    }
    return failed == 0 ? 0 : 1;
}
