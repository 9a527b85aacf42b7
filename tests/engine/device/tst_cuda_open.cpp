// Which GPUs an executor opens on libinglenook_cuda.so with the shim (tests/cuda_shim), and what it
// says of those that it cannot use.
#include "tests/engine/device/shim_bed.h"
#include "tests/support/suite_registry.h"

#include <QTemporaryDir>
#include <QtTest/QtTest>

using namespace engine;
using namespace tests::shim;

class CudaOpenTest : public QObject {
    Q_OBJECT

  private slots:
    void initTestCase();
    void init();
    void cleanup();

    void unusableDriversAreSentences_data();
    void unusableDriversAreSentences();
    void aDeviceThatIsAwayIsASentence_data();
    void aDeviceThatIsAwayIsASentence();
    void brokenLibraryIsASentence();
    void theContextGoesWithTheLastUser();
    void differentGpusShareNoLayer();

  private:
    tests::CudaShim* m_shim = nullptr;
};

void CudaOpenTest::initTestCase() {
    m_shim = findShim();
    if (m_shim == nullptr)
        QSKIP(kNoShim);
}

void CudaOpenTest::init() {
    m_shim->reset({{}, {}});
}

/// Nobody keeps anything, whatever failed.
void CudaOpenTest::cleanup() {
    if (m_shim != nullptr)
        QVERIFY(m_shim->held().nothing());
}

void CudaOpenTest::unusableDriversAreSentences_data() {
    QTest::addColumn<int>("error");
    QTest::addColumn<int>("devices");
    QTest::addColumn<int>("major");
    QTest::addColumn<QString>("expected");
    QTest::addColumn<bool>("isMissing"); // else there is a GPU that cannot be used now
    QTest::newRow("no driver or an old one") << kOldDriver << 1 << 9 << "install or update" << true;
    QTest::newRow("driver without a GPU") << kNoDevice << 1 << 9 << "GPU was found" << true;
    QTest::newRow("no GPU counted") << 0 << 0 << 9 << "no NVIDIA GPU was found" << true;
    QTest::newRow("driver updated under us")
        << kDriverMismatch << 1 << 9 << "restart the computer" << false;
    QTest::newRow("anything else") << kUnknown << 1 << 9 << "another error" << false;
    QTest::newRow("old GPU") << 0 << 1 << 7 << "older than compute capability 8.0" << true;
}

void CudaOpenTest::unusableDriversAreSentences() {
    QFETCH(int, error);
    QFETCH(int, devices);
    QFETCH(int, major);
    QFETCH(QString, expected);
    QFETCH(bool, isMissing);
    const Code code = isMissing ? Code::CudaMissing : Code::DeviceUnavailable;
    m_shim->reset(std::vector<tests::CudaShimDevice>(std::size_t(devices), {major, 1 << 20}));
    if (error != 0)
        m_shim->fail({"cudaGetDeviceCount", 0, error, false, -1, 4});
    for (const char* name : {"cuda", "cuda:0,1"}) {
        const auto executor = makeExecutor(name);
        QVERIFY2(executor.status() == code, qPrintable(sentence(executor.status())));
        const QString words = sentence(executor.status());
        QVERIFY2(words.contains(expected) && words.contains("CUDA 0"), qPrintable(words));
        QVERIFY2(words.endsWith('.'), qPrintable(words));
    }
    // Who left the choice to us gets the CPU where there is no GPU; where there is one, its words.
    if (error != 0)
        m_shim->fail({"cudaGetDeviceCount", 0, error, false, -1, 1});
    const auto any = makeExecutor("auto");
    QCOMPARE(any.ok(), isMissing);
    if (any.ok())
        QVERIFY((*any)->deviceName().starts_with("CPU"));
    else
        QVERIFY(sentence(any.status()).contains(expected));
}

void CudaOpenTest::aDeviceThatIsAwayIsASentence_data() {
    QTest::addColumn<int>("error");
    QTest::addColumn<QString>("expected");
    QTest::newRow("broken by a kernel, or of another program alone")
        << kDevicesUnavailable << "restart Inglenook";
    QTest::newRow("full") << kOutOfMemory << "its memory is full";
}

/// Nobody is moved to the CPU without a word.
void CudaOpenTest::aDeviceThatIsAwayIsASentence() {
    QFETCH(int, error);
    QFETCH(QString, expected);
    for (const char* name : {"cuda", "auto"}) {
        m_shim->fail({"cudaSetDevice", 0, error, false, -1, 1});
        const auto executor = makeExecutor(name);
        QCOMPARE(executor.status().code(), Code::DeviceUnavailable);
        const QString words = sentence(executor.status());
        QVERIFY2(words.contains(expected) && words.contains("device cpu"), qPrintable(words));
        const auto again = makeExecutor(name);
        QVERIFY(again.ok() && (*again)->deviceName().starts_with("CUDA"));
    }
}

void CudaOpenTest::brokenLibraryIsASentence() {
    const QByteArray before = qgetenv("INGLENOOK_CUDA_LIBRARY");
    QTemporaryDir folder;
    QFile file(folder.filePath("libinglenook_cuda.so"));
    QVERIFY(file.open(QIODevice::WriteOnly));
    file.write("no library");
    file.close();
    qputenv("INGLENOOK_CUDA_LIBRARY", file.fileName().toUtf8());
    const auto executor = makeExecutor("cuda");
    const auto any = makeExecutor("auto");
    qputenv("INGLENOOK_CUDA_LIBRARY", before);
    QCOMPARE(executor.status().code(), Code::DeviceUnavailable);
    QCOMPARE(any.status().code(), Code::DeviceUnavailable);
    QVERIFY2(sentence(executor.status()).endsWith('.'), qPrintable(sentence(executor.status())));
    QVERIFY(makeExecutor("cuda").ok());
}

/// The driver's context of a device is half a gigabyte of its memory.
void CudaOpenTest::theContextGoesWithTheLastUser() {
    const auto resets = [this] { return m_shim->calls("cudaDeviceReset"); };
    {
        auto one = makeExecutor("cuda");
        QVERIFY(one.ok());
        {
            const auto both = makeExecutor("cuda:0,1");
            QVERIFY(both.ok());
            QCOMPARE(resets(), 0U);
        }
        QCOMPARE(resets(), 1U); // device 1; the first executor is still on device 0
        QVERIFY(useExecutor(**one).ok());
        QCOMPARE(resets(), 1U);
    }
    QCOMPARE(resets(), 2U);
    QVERIFY(m_shim->held().nothing());
    const auto again = makeExecutor("cuda");
    QVERIFY(again.ok());
    QVERIFY(useExecutor(**again).ok());
}

/// Ranks of a tensor split compute what each other's kernels expect.
void CudaOpenTest::differentGpusShareNoLayer() {
    m_shim->reset({{9}, {8}});
    const auto any = makeExecutor("cuda:0,1");
    QVERIFY2(any.ok(), qPrintable(sentence(any.status())));
    QVERIFY((*any)->deviceName().find("layer split") != std::string::npos);
    const Status used = useExecutor(**any);
    QVERIFY2(used.ok(), qPrintable(sentence(used)));
    const auto tensor = makeFrom("cuda:0,1/tensor");
    QCOMPARE(tensor.status().code(), Code::OptionInvalid);
    const QString words = sentence(tensor.status());
    QVERIFY2(words.contains("layer") && words.contains("Shim 0") && words.contains("CUDA 1"),
             qPrintable(words));
}

INGLENOOK_SUITE(cuda_open, CudaOpenTest)
#include "tst_cuda_open.moc"
