#include "engine/stats/latency_histogram.h"
#include "tests/support/suite_registry.h"

#include <algorithm>
#include <cmath>
#include <QtTest/QtTest>
#include <random>

using engine::LatencyHistogram;

class TstLatencyHistogram : public QObject {
    Q_OBJECT

  private slots:
    void isEmptyAtFirst() {
        const LatencyHistogram histogram;
        QCOMPARE(histogram.percentile(0.5), std::int64_t(0));
        QCOMPARE(histogram.mean(), 0.0);
    }

    void percentilesAreWithinABucket() {
        LatencyHistogram histogram;
        std::mt19937 random(3);
        std::lognormal_distribution<double> spread(9, 2);
        std::vector<double> values;
        double sum = 0;
        for (int i = 0; i < 20'000; ++i) {
            const auto us = std::int64_t(std::min(spread(random), 1.0e9));
            values.push_back(double(us));
            sum += double(us);
            histogram.record(us);
        }
        std::sort(values.begin(), values.end());
        for (const double share : {0.01, 0.5, 0.9, 0.99, 0.999, 1.0}) {
            const double exact = values[std::size_t(std::ceil(share * values.size())) - 1];
            const double got = double(histogram.percentile(share));
            QVERIFY2(std::abs(got - exact) <= exact * 0.016 + 1,
                     qPrintable(QStringLiteral("%1: %2 for %3").arg(share).arg(got).arg(exact)));
        }
        QVERIFY(std::abs(histogram.mean() - sum / 20'000) < 1e-6 * sum);
    }

    void takesAnyNumber() {
        LatencyHistogram histogram;
        histogram.record(-5);
        histogram.record(INT64_MAX);
        QCOMPARE(histogram.count(), std::uint64_t(2));
        QCOMPARE(histogram.percentile(0.0), std::int64_t(0));
        QVERIFY(histogram.percentile(1.0) > 1'000'000'000);
    }

    void subtractsAnEarlierCopy() {
        LatencyHistogram histogram;
        for (int i = 0; i < 100; ++i)
            histogram.record(10);
        const LatencyHistogram before = histogram;
        histogram.record(5000);
        LatencyHistogram grown = histogram;
        grown.subtract(before);
        QCOMPARE(grown.count(), std::uint64_t(1));
        QVERIFY(std::abs(double(grown.percentile(0.5)) - 5000) < 5000 / 60.0);
        grown.subtract(grown);
        QCOMPARE(grown.count(), std::uint64_t(0));
    }

    void mergesAndClears() {
        LatencyHistogram a;
        LatencyHistogram b;
        a.record(10);
        b.record(1000);
        a.merge(b);
        QCOMPARE(a.count(), std::uint64_t(2));
        QCOMPARE(a.percentile(0.5), std::int64_t(10));
        a.clear();
        QCOMPARE(a.count(), std::uint64_t(0));
    }
};

INGLENOOK_SUITE(latency_histogram, TstLatencyHistogram)
#include "tst_latency_histogram.moc"
