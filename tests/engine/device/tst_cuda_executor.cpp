// The CUDA library: words where it cannot be had, the limits of the reference models where it can.
#include "engine/device/cuda_library.h"
#include "engine/device/make_executor.h"
#include "engine/model/opened_model.h"
#include "engine/runtime/evaluate.h"
#include "tests/support/suite_registry.h"

#include <filesystem>
#include <QtTest/QtTest>
#include <string>

using namespace engine;

class CudaExecutorTest : public QObject {
    Q_OBJECT

  private slots:
    void missingLibraryIsOneSentence();
    void autoFallsBackToTheCpu();
    void severalDevicesAreUnderstood();
    void groupMeetsTheLimits();
    void referenceModels_data();
    void referenceModels();
};

namespace {

/// Points the search elsewhere while it lives.
class LibraryPath {
  public:
    explicit LibraryPath(const char* path) : m_before(qgetenv("INGLENOOK_CUDA_LIBRARY")) {
        qputenv("INGLENOOK_CUDA_LIBRARY", path);
    }
    ~LibraryPath() {
        if (m_before.isEmpty())
            qunsetenv("INGLENOOK_CUDA_LIBRARY");
        else
            qputenv("INGLENOOK_CUDA_LIBRARY", m_before);
    }

  private:
    QByteArray m_before;
};

} // namespace

void CudaExecutorTest::missingLibraryIsOneSentence() {
    const LibraryPath nowhere("/nonexistent/libinglenook_cuda.so");
    const auto executor = makeExecutor("cuda");
    QVERIFY(!executor.ok());
    const QString sentence = QString::fromStdString(executor.status().sentence());
    QVERIFY2(sentence.contains("CUDA 0"), qPrintable(sentence));
    QVERIFY2(sentence.endsWith('.'), qPrintable(sentence));
}

void CudaExecutorTest::autoFallsBackToTheCpu() {
    const LibraryPath nowhere("/nonexistent/libinglenook_cuda.so");
    const auto executor = makeExecutor("auto");
    QVERIFY(executor.ok());
    QVERIFY(QString::fromStdString((*executor)->deviceName()).startsWith("CPU"));
}

void CudaExecutorTest::severalDevicesAreUnderstood() {
    {
        const LibraryPath nowhere("/nonexistent/libinglenook_cuda.so");
        const auto executor = makeExecutor("cuda:0,1");
        QVERIFY(!executor.ok());
        QCOMPARE(executor.status().code(), Code::CudaMissing);
    }
    QCOMPARE(makeExecutor("cuda:0,,1").status().code(), Code::OptionInvalid);
    const auto many = makeExecutor("cuda:0,98765432109876543210");
    QCOMPARE(many.status().code(), Code::DeviceUnavailable);
}

/// Two ranks on one GPU: the same kernels and the same arithmetic as on two.
void CudaExecutorTest::groupMeetsTheLimits() {
    if (const auto probe = makeExecutor("cuda"); !probe.ok())
        QSKIP(probe.status().sentence().c_str());
    const std::filesystem::path folder =
        std::filesystem::path(INGLENOOK_SOURCE_DIR) / "tests/fixtures/goldens/llama-linear-rope";
    const Result<OpenedModel> opened = openModel(folder);
    QVERIFY2(opened.ok(), opened.status().sentence().c_str());
    VerifyOptions options;
    options.formats = {WeightFormat::F32, ActivationFormat::F32, KvFormat::F32};
    const auto factory = [] { return std::move(makeExecutor("cuda:0,0").value()); };
    const auto exact = verifyModel(*opened, folder / "golden.safetensors", factory, options);
    QVERIFY2(exact.ok(), exact.status().sentence().c_str());
    QVERIFY2(exact->relError <= 1e-3, qPrintable(QString::number(exact->relError)));
    QVERIFY(exact->greedyMatch);
}

void CudaExecutorTest::referenceModels_data() {
    QTest::addColumn<QString>("model");
    for (const char* model : {"llama-eps", "llama-linear-rope", "llama-llama3rope",
                              "llama-outliers", "qwen2-tied", "qwen2-untied-hd128", "qwen3-yarn"})
        QTest::newRow(model) << model;
}

void CudaExecutorTest::referenceModels() {
    if (const auto probe = makeExecutor("cuda"); !probe.ok())
        QSKIP(probe.status().sentence().c_str());
    QFETCH(QString, model);
    const std::filesystem::path folder = std::filesystem::path(INGLENOOK_SOURCE_DIR) /
                                         "tests/fixtures/goldens" / model.toStdString();
    const Result<OpenedModel> opened = openModel(folder);
    QVERIFY2(opened.ok(), opened.status().sentence().c_str());
    VerifyOptions options;
    options.formats = {WeightFormat::F32, ActivationFormat::F32, KvFormat::F32};
    const auto factory = [] { return std::move(makeExecutor("cuda").value()); };
    const auto exact = verifyModel(*opened, folder / "golden.safetensors", factory, options);
    QVERIFY2(exact.ok(), exact.status().sentence().c_str());
    QVERIFY2(exact->relError <= 1e-3, qPrintable(QString::number(exact->relError)));
    QVERIFY(exact->greedyMatch);
    options.formats = {WeightFormat::BF16, ActivationFormat::BF16, KvFormat::BF16};
    const auto rounded = verifyModel(*opened, folder / "golden.safetensors", factory, options);
    QVERIFY2(rounded.ok(), rounded.status().sentence().c_str());
    QVERIFY2(rounded->relError <= 1.5e-2, qPrintable(QString::number(rounded->relError)));
}

INGLENOOK_SUITE(cuda_executor, CudaExecutorTest)
#include "tst_cuda_executor.moc"
