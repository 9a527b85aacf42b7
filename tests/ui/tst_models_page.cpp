// The page "Models": what is on this computer, why something cannot be used, load and eject.
#include "app/library/library_controller.h"
#include "app/session/model_controller.h"
#include "tests/app/library/library_folder.h"
#include "tests/support/desktop_fixture.h"
#include "tests/support/fake_engine.h"
#include "tests/support/suite_registry.h"
#include "ui/admin/model_card_view.h"
#include "ui/admin/models_page.h"
#include "ui/main_window.h"

#include <QLabel>
#include <QLineEdit>
#include <QListView>
#include <QPlainTextEdit>
#include <QPushButton>
#include <QTabBar>
#include <QtTest/QtTest>

using namespace tests;

class TstModelsPage : public QObject {
    Q_OBJECT

  private:
    /// A desktop whose library holds two models and a broken file, shown on its page.
    struct Bed {
        QTemporaryDir data;
        FakeEngine* engine = nullptr;
        std::unique_ptr<DesktopFixture> desktop;
        ui::ModelsPage* page = nullptr;

        QString at(const char* name) const { return data.filePath(QString::fromLatin1(name)); }
        bool open() {
            const bool placed = placeGguf(at("models/DeepSeek-R1-Distill-Qwen-7B.gguf")) &&
                                placeFolder(at("models/tiny")) &&
                                placeText(at("models/broken.gguf"), "GGUF");
            desktop = std::make_unique<DesktopFixture>(fakeEngineFactory(engine), data.path());
            desktop->window().show();
            desktop->window().showPage(ui::PageId::Models);
            page = qobject_cast<ui::ModelsPage*>(desktop->window().pageWidget(ui::PageId::Models));
            app::LibraryController& library = desktop->application().library();
            return placed && page != nullptr &&
                   waitUntil([&] { return library.card(at("models/tiny")) != nullptr; }, 10000);
        }
        template<typename Widget>
        Widget* find(const char* name) const {
            return page->findChild<Widget*>(QString::fromLatin1(name));
        }
    };

  private slots:
    void showsCardsAndReasons() {
        Bed bed;
        QVERIFY(bed.open());
        auto* list = bed.find<QListView>("library-list");
        QVERIFY(list->model()->rowCount() >= 4); // models, a heading, the broken one
        bed.page->select(bed.at("models/tiny"));
        QCOMPARE(bed.find<QLabel>("model-name")->text(), QStringLiteral("tiny"));
        QVERIFY(!bed.find<QLabel>("model-truth")->isVisible());
        bed.page->select(bed.at("models/broken.gguf"));
        QVERIFY(bed.find<QLabel>("rejected-reason")->isVisible());
        QVERIFY(bed.find<QLabel>("rejected-reason")->text().endsWith(QLatin1Char('.')));
        auto* search = bed.page->findChild<QLineEdit*>();
        search->setText(QStringLiteral("TINY"));
        QCOMPARE(list->model()->rowCount(), 1);
        search->clear();
    }

    void loadsShowsProgressCancelsAndEjects() {
        Bed bed;
        QVERIFY(bed.open());
        bed.page->select(bed.at("models/tiny"));
        auto* load = bed.find<QPushButton>("model-load");
        auto* eject = bed.find<QPushButton>("model-eject");
        FakeLoad slow;
        slow.duration = std::chrono::milliseconds(5000);
        slow.steps = 50;
        bed.engine->setLoad(slow);
        load->click();
        auto* state = bed.find<QLabel>("model-state");
        QTRY_VERIFY(state->text().contains(QStringLiteral(" of ")));
        QVERIFY(!load->isVisible());
        bed.desktop->application().models().cancelLoad();
        QTRY_VERIFY(load->isVisible());
        bed.engine->setLoad({});
        load->click();
        QTRY_VERIFY(eject->isVisible());
        QCOMPARE(bed.desktop->application().models().model().path, bed.at("models/tiny"));
        eject->click();
        QTRY_VERIFY(load->isVisible());
        QVERIFY(!bed.desktop->application().models().model().isLoaded());
    }

    void aFailedLoadSaysWhyOnTheCard() {
        Bed bed;
        QVERIFY(bed.open());
        bed.page->select(bed.at("models/tiny"));
        FakeLoad failing;
        failing.failure =
            engine::Status(engine::Code::OutOfMemory, {{"need", "9 GB"}, {"free", "1 GB"}});
        bed.engine->setLoad(failing);
        bed.find<QPushButton>("model-load")->click();
        QTRY_VERIFY(bed.find<QLabel>("model-state")->text().contains(QStringLiteral("9 GB")));
        QVERIFY(bed.find<QPushButton>("model-load")->isVisible());
    }

    void aNoteIsKeptWithItsModel() {
        Bed bed;
        QVERIFY(bed.open());
        bed.page->select(bed.at("models/tiny"));
        auto* note = bed.find<QPlainTextEdit>("model-note");
        note->setPlainText(QStringLiteral("for tests"));
        bed.page->select(bed.at("models/DeepSeek-R1-Distill-Qwen-7B.gguf")); // at once
        QCOMPARE(note->toPlainText(), QString());
        app::LibraryController& library = bed.desktop->application().library();
        QCOMPARE(library.card(bed.at("models/tiny"))->marks.note, QStringLiteral("for tests"));
        bed.page->select(bed.at("models/tiny"));
        QCOMPARE(note->toPlainText(), QStringLiteral("for tests"));
    }

    void furtherSectionsStandBesideTheLibrary() {
        Bed bed;
        QVERIFY(bed.open());
        auto* section = new QLabel(QStringLiteral("more"));
        const int index = bed.page->addSection(QStringLiteral("Get models"), section);
        QVERIFY(!section->isVisible());
        bed.page->showSection(index);
        QVERIFY(section->isVisible());
    }
};

INGLENOOK_SUITE(models_page, TstModelsPage)
#include "tst_models_page.moc"
