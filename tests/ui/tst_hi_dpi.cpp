// REQ-33: crisp at 100, 125, 150 and 200 %, and larger text by the keyboard. A scale is the
// process's, so that each one is looked at in a process of its own.
#include "app/settings.h"
#include "tests/support/desktop_fixture.h"
#include "tests/support/fake_engine.h"
#include "tests/support/suite_registry.h"
#include "ui/chat/chat_page.h"
#include "ui/chat/chat_view.h"
#include "ui/chat/transcript.h"
#include "ui/main_window.h"
#include "ui/theme.h"
#include "ui/widgets/rail.h"
#include "ui/widgets/time_chart.h"

#include <QAction>
#include <QProcess>
#include <QtTest/QtTest>

namespace {

constexpr double kCrisp = 0.6; // of a picture's contrast, between two neighbours

/// The largest step between neighbours in a row, of the contrast of the whole. A picture that was
/// drawn for fewer pixels and stretched has soft edges.
double sharpness(const QImage& image) {
    int darkest = 255;
    int brightest = 0;
    int step = 0;
    for (int y = 0; y < image.height(); ++y) {
        for (int x = 0; x < image.width(); ++x) {
            const int here = qGray(image.pixel(x, y));
            darkest = std::min(darkest, here);
            brightest = std::max(brightest, here);
            if (x > 0)
                step = std::max(step, std::abs(here - qGray(image.pixel(x - 1, y))));
        }
    }
    return brightest > darkest ? double(step) / (brightest - darkest) : 0;
}

/// Whether all of it stands in squares of two by two equal pixels, as a picture that was stretched
/// without smoothing.
bool isDoubled(const QImage& image) {
    for (int y = 0; y + 1 < image.height(); y += 2)
        for (int x = 0; x + 1 < image.width(); x += 2)
            if (image.pixel(x, y) != image.pixel(x + 1, y) ||
                image.pixel(x, y) != image.pixel(x, y + 1))
                return false;
    return true;
}

} // namespace

class TstHiDpi : public QObject {
    Q_OBJECT

  private slots:
    void req33_everyScaleIsCrisp_data() {
        QTest::addColumn<QString>("scale");
        for (const char* scale : {"1", "1.25", "1.5", "2"})
            QTest::newRow(scale) << QString::fromLatin1(scale);
    }
    void req33_everyScaleIsCrisp() {
        QFETCH(QString, scale);
        if (qEnvironmentVariableIsSet(kChild))
            QSKIP("this process looks at one scale");
        QProcess child;
        QProcessEnvironment environment = QProcessEnvironment::systemEnvironment();
        environment.insert(QLatin1String(kChild), scale);
        environment.insert(QStringLiteral("QT_SCALE_FACTOR"), scale);
        child.setProcessEnvironment(environment);
        child.setProcessChannelMode(QProcess::MergedChannels);
        child.start(QCoreApplication::applicationFilePath(),
                    {QStringLiteral("--suite"), QStringLiteral("hi_dpi"),
                     QStringLiteral("thisScaleIsCrisp")});
        QVERIFY(child.waitForFinished(60000));
        QVERIFY2(child.exitCode() == 0, child.readAll().constData());
    }

    void thisScaleIsCrisp() {
        if (!qEnvironmentVariableIsSet(kChild))
            QSKIP("run by req33_everyScaleIsCrisp, once for every scale");
        const double scale = qEnvironmentVariable(kChild).toDouble();
        tests::FakeEngine* engine = nullptr;
        tests::DesktopFixture desktop(tests::fakeEngineFactory(engine));
        ui::MainWindow& window = desktop.window();
        window.resize(1000, 640);
        window.show();
        QCOMPARE(window.devicePixelRatioF(), scale);
        QVERIFY(desktop.load(QStringLiteral("/models/m.gguf")));
        QVERIFY(desktop.ask(QStringLiteral("Is it crisp?")));
        look(&window, "the window");
        look(window.findChild<ui::Rail*>(), "the rail's icons");
        look(&window.chatPage().view().transcript(), "the transcript");
        window.showPage(ui::PageId::Dashboard);
        QTest::qWait(1200); // charts have something to draw
        look(window.findChild<ui::TimeChart*>(), "a chart");
    }

    void req33_keysChangeTheSizeOfText() {
        tests::FakeEngine* engine = nullptr;
        tests::DesktopFixture desktop(tests::fakeEngineFactory(engine));
        ui::MainWindow& window = desktop.window();
        window.show();
        const auto zoom = [&] { return desktop.application().settings().values().fontZoom; };
        const auto press = [&](const char* name, const char* key) {
            auto* action = window.findChild<QAction*>(QLatin1String(name));
            QVERIFY(action != nullptr);
            QVERIFY(action->shortcuts().contains(QKeySequence(QLatin1String(key))));
            action->trigger();
        };
        const int before = qApp->font().pixelSize();
        press("zoom-in", "Ctrl++");
        press("zoom-in", "Ctrl+=");
        QCOMPARE(zoom(), 120);
        QTRY_VERIFY(qApp->font().pixelSize() > before);
        press("zoom-out", "Ctrl+-");
        QCOMPARE(zoom(), 110);
        press("zoom-reset", "Ctrl+0");
        QCOMPARE(zoom(), 100);
        QTRY_COMPARE(qApp->font().pixelSize(), before);
        for (int i = 0; i < 30; ++i)
            press("zoom-out", "Ctrl+-");
        QCOMPARE(zoom(), 50);
    }

  private:
    void look(QWidget* widget, const char* what) {
        QVERIFY2(widget != nullptr, what);
        const QPixmap picture = widget->grab();
        const qreal scale = widget->devicePixelRatioF();
        QCOMPARE(picture.devicePixelRatio(), scale);
        QVERIFY2(std::abs(picture.width() - widget->width() * scale) <= 1, what);
        const QImage image = picture.toImage();
        QVERIFY2(
            sharpness(image) >= kCrisp,
            qPrintable(QStringLiteral("%1: %2").arg(QLatin1String(what)).arg(sharpness(image))));
        QVERIFY2(scale < 2 || !isDoubled(image), what);
    }

    static constexpr const char* kChild = "INGLENOOK_TEST_SCALE";
};

INGLENOOK_SUITE(hi_dpi, TstHiDpi)
#include "tst_hi_dpi.moc"
