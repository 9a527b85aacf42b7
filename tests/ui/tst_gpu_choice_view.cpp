// Which GPUs hold a model: what is chosen becomes the words of --device and --split, and what it
// would take is shown GPU by GPU.
#include "tests/support/suite_registry.h"
#include "ui/admin/gpu_choice_view.h"

#include <QCheckBox>
#include <QComboBox>
#include <QLabel>
#include <QSpinBox>
#include <QtTest/QtTest>

namespace {

/// Three GPUs in the order of nvidia-smi.
QList<app::FitDevice> gpus() {
    return {{QStringLiteral("cuda:0"), QStringLiteral("CUDA 0 · NVIDIA RTX 4090")},
            {QStringLiteral("cuda:1"), QStringLiteral("CUDA 1 · NVIDIA RTX 4080")},
            {QStringLiteral("cuda:2"), QStringLiteral("CUDA 2 · NVIDIA RTX 3060")}};
}

} // namespace

class TstGpuChoiceView : public QObject {
    Q_OBJECT

  private:
    template<typename Widget>
    static Widget* find(const ui::GpuChoiceView& view, const char* name) {
        return view.findChild<Widget*>(QString::fromLatin1(name));
    }
    static QString textOf(const ui::GpuChoiceView& view, const char* name) {
        return find<QLabel>(view, name)->text();
    }

  private slots:
    void req16_oneGpuUnlessMoreAreAsked() {
        ui::GpuChoiceView view;
        view.setGpus(gpus());
        view.show();
        QCOMPARE(view.count(), 3);
        QCOMPARE(view.device(), QStringLiteral("cuda:0"));
        QCOMPARE(view.split(), QString());
        QVERIFY(!find<QComboBox>(view, "gpu-split")->isVisible());
        auto* first = find<QCheckBox>(view, "gpu-on-0");
        QCOMPARE(first->text(), QStringLiteral("GPU 0: NVIDIA RTX 4090"));
        QVERIFY(!first->isEnabled()); // the last one stays on

        QSignalSpy changes(&view, &ui::GpuChoiceView::changed);
        find<QCheckBox>(view, "gpu-on-2")->click();
        QCOMPARE(changes.size(), 1);
        QCOMPARE(view.device(), QStringLiteral("cuda:0,2"));
        QVERIFY(first->isEnabled());
        first->click();
        QCOMPARE(view.device(), QStringLiteral("cuda:2"));
    }

    void req16_sharesBecomeWords() {
        ui::GpuChoiceView view;
        view.setGpus(gpus());
        view.show();
        auto* share = find<QSpinBox>(view, "gpu-share-0");
        QVERIFY(!share->isVisible());
        for (const char* gpu : {"gpu-on-1", "gpu-on-2"})
            find<QCheckBox>(view, gpu)->click();
        QVERIFY(share->isVisible());
        QCOMPARE(view.device(), QStringLiteral("cuda:0,1,2"));
        share->setValue(24);
        find<QSpinBox>(view, "gpu-share-1")->setValue(16);
        find<QSpinBox>(view, "gpu-share-2")->setValue(12);
        QCOMPARE(view.device(), QStringLiteral("cuda:0=24,1=16,2=12"));
        auto* split = find<QComboBox>(view, "gpu-split");
        split->setCurrentIndex(2);
        emit split->activated(2);
        QCOMPARE(view.split(), QStringLiteral("replicas"));
        QCOMPARE(view.device(), QStringLiteral("cuda:0,1,2"));
        QVERIFY(!share->isVisible()); // each holds the whole model
        split->setCurrentIndex(3);
        emit split->activated(3);
        QCOMPARE(view.split(), QStringLiteral("layer"));
        QCOMPARE(view.device(), QStringLiteral("cuda:0=24,1=16,2=12"));
        QVERIFY(share->isVisible());
    }

    void req17_saysWhatTheOthersBring() {
        ui::GpuChoiceView view;
        view.setGpus(gpus());
        find<QCheckBox>(view, "gpu-on-1")->click();
        app::FitCell cell;
        cell.devices = {
            {QStringLiteral("CUDA 0"), 10'000'000'000, 1'000'000'000, 0, 24'000'000'000},
            {QStringLiteral("CUDA 1"), 5'000'000'000, 0, 0, 0}};
        cell.tokensPerSecond = 150;
        cell.aloneTokensPerSecond = 100;
        view.showCell(&cell);
        QCOMPARE(textOf(view, "gpu-bytes-0"), QStringLiteral("11.00 GB of 24.00 GB free"));
        QCOMPARE(textOf(view, "gpu-bytes-1"), QStringLiteral("5.00 GB"));
        QCOMPARE(textOf(view, "gpu-bytes-2"), QStringLiteral("off"));
        QCOMPARE(textOf(view, "gpu-speed"),
                 QStringLiteral("Together: 150 tok/s, 1.50 times one GPU alone (100 tok/s)."));
        cell.aloneTokensPerSecond = 160;
        view.showCell(&cell);
        QVERIFY(textOf(view, "gpu-speed").startsWith(QStringLiteral("One GPU alone is as fast")));
        cell.aloneTokensPerSecond = 0;
        view.showCell(&cell);
        QVERIFY(textOf(view, "gpu-speed").contains(QStringLiteral("does not fit")));
        view.showCell(nullptr);
        QCOMPARE(textOf(view, "gpu-bytes-0"), QStringLiteral("–"));
    }
};

INGLENOOK_SUITE(gpu_choice_view, TstGpuChoiceView)
#include "tst_gpu_choice_view.moc"
