// The page "Models": what is on this computer, why something cannot be used, load and eject.
#include "app/library/fit_planner.h"
#include "app/library/library_controller.h"
#include "app/library/quality_controller.h"
#include "app/session/model_controller.h"
#include "app/settings.h"
#include "tests/app/library/library_folder.h"
#include "tests/support/desktop_fixture.h"
#include "tests/support/fake_engine.h"
#include "tests/support/suite_registry.h"
#include "ui/admin/model_card_view.h"
#include "ui/admin/model_fits_view.h"
#include "ui/admin/model_overview.h"
#include "ui/admin/models_page.h"
#include "ui/download/get_models_view.h"
#include "ui/main_window.h"

#include <QClipboard>
#include <QDoubleSpinBox>
#include <QHeaderView>
#include <QJsonDocument>
#include <QJsonObject>
#include <QLabel>
#include <QLineEdit>
#include <QListView>
#include <QPlainTextEdit>
#include <QPushButton>
#include <QScrollBar>
#include <QTableWidget>
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
            // Measuring this machine is another test's matter.
            QJsonObject speeds;
            const QJsonObject speed{{QStringLiteral("limit_gb_s"), 20.0},
                                    {QStringLiteral("int8_share"), 0.7}};
            for (const app::FitDevice& device : app::FitPlanner().devices())
                speeds[device.name] = speed;
            placeText(at("machine.json"), QJsonDocument(speeds).toJson());
            const bool placed =
                QFile::exists(at("models/tiny")) ||
                (placeGguf(at("models/DeepSeek-R1-Distill-Qwen-7B.gguf")) &&
                 placeFolder(at("models/tiny")) && placeText(at("models/broken.gguf"), "GGUF"));
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
        QCOMPARE(bed.find<QLabel>("rejected-name")->text(), QStringLiteral("broken.gguf"));
        QCOMPARE(bed.find<QLabel>("rejected-name")->toolTip(), bed.at("models/broken.gguf"));
        QVERIFY(bed.find<QLabel>("rejected-reason")->text().endsWith(QLatin1Char('.')));
        auto* search = bed.find<QLineEdit>("library-search");
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

    /// What was set for the engine holds for a model that has just been downloaded, too.
    void aDownloadLoadsAsTheSettingsSay() {
        Bed bed;
        QVERIFY(bed.open());
        app::Settings& settings = bed.desktop->application().settings();
        app::SettingsValues values = settings.values();
        values.weights = QStringLiteral("int4");
        values.contextTokens = 1024;
        settings.set(values);
        auto* get = bed.page->findChild<ui::GetModelsView*>();
        emit get->openWanted(bed.at("models/tiny"));
        QTRY_COMPARE(bed.desktop->application().models().model().path, bed.at("models/tiny"));
        QCOMPARE(bed.engine->loads().back().formats.weights, engine::WeightFormat::Int4);
        QCOMPARE(bed.engine->loads().back().context, 1024U);
        QCOMPARE(settings.values().weights, QStringLiteral("int4"));
        QCOMPARE(settings.values().contextTokens, 1024);
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
        // For whoever is asked for help: the sentence, and what was loaded how.
        auto* copy = bed.find<QPushButton>("model-copy-failure");
        QVERIFY(copy->isVisible());
        copy->click();
        const QString details = QGuiApplication::clipboard()->text();
        QVERIFY(details.startsWith(bed.find<QLabel>("model-state")->text()));
        QVERIFY(details.contains(QStringLiteral("models/tiny")));
        QVERIFY(details.contains(QStringLiteral("device ")));
        QFile log(bed.desktop->paths().logDir() + QStringLiteral("/inglenook.log"));
        QVERIFY(log.open(QIODevice::ReadOnly));
        QVERIFY(log.readAll().contains("models/tiny was not loaded: There is not enough memory"));
        bed.engine->setLoad({});
        bed.find<QPushButton>("model-load")->click();
        QTRY_VERIFY(bed.find<QPushButton>("model-eject")->isVisible());
        QVERIFY(!copy->isVisible());
    }

    void aChangeOfTheListShowsTheCardOnce() {
        Bed bed;
        QVERIFY(bed.open());
        bed.page->select(bed.at("models/tiny"));
        QSignalSpy shown(&bed.page->card(), &ui::ModelCardView::shown);
        bed.find<QLineEdit>("library-search")->setText(QStringLiteral("t"));
        QCOMPARE(shown.size(), 1);
        bed.page->select(bed.at("models/DeepSeek-R1-Distill-Qwen-7B.gguf"));
        QCOMPARE(shown.last().first().toString(),
                 bed.at("models/DeepSeek-R1-Distill-Qwen-7B.gguf"));
    }

    /// Two files of one name, and the loads of others, have cards of their own.
    void aLoadIsToldOnItsOwnCardAlone() {
        Bed bed;
        QVERIFY(placeFolder(bed.at("models/other/tiny")));
        QVERIFY(bed.open());
        app::LibraryController& library = bed.desktop->application().library();
        QTRY_VERIFY(library.card(bed.at("models/other/tiny")) != nullptr);
        bed.page->select(bed.at("models/other/tiny"));
        auto* load = bed.find<QPushButton>("model-load");
        auto* state = bed.find<QLabel>("model-state");
        FakeLoad failing;
        failing.duration = std::chrono::milliseconds(200);
        failing.failure =
            engine::Status(engine::Code::OutOfMemory, {{"need", "9 GB"}, {"free", "1 GB"}});
        bed.engine->setLoad(failing);
        QSignalSpy failed(&bed.desktop->application().models(), &app::ModelController::failed);
        load->click();
        QVERIFY(!load->isVisible());
        bed.page->select(bed.at("models/tiny"));
        QVERIFY(load->isVisible());
        QCOMPARE(state->text(), QString());
        QTRY_COMPARE(failed.size(), 1);
        QCOMPARE(failed.first().at(1).toString(), bed.at("models/other/tiny"));
        QCOMPARE(state->text(), QString());
        bed.page->select(bed.at("models/other/tiny"));
        QVERIFY(state->text().contains(QStringLiteral("9 GB")));
        bed.engine->setLoad({});
        load->click(); // forgotten with the next try
        QVERIFY(!state->text().contains(QStringLiteral("9 GB")));
        QTRY_VERIFY(bed.find<QPushButton>("model-eject")->isVisible());
    }

    void aModelThatGoesSaysWhatItWaitsFor() {
        Bed bed;
        QVERIFY(bed.open());
        QVERIFY(bed.desktop->load(bed.at("models/tiny")));
        bed.page->select(bed.at("models/tiny"));
        FakeScript endless;
        endless.repeat = true;
        endless.tokensPerSecond = 50;
        bed.engine->setScript(endless);
        bed.desktop->window().showPage(ui::PageId::Chat);
        QVERIFY(bed.desktop->ask(QStringLiteral("Hello"), false));
        QTRY_VERIFY(bed.engine->running() > 0);
        app::ModelController& models = bed.desktop->application().models();
        bool asked = false;
        QObject::connect(&models, &app::ModelController::interruptionAsked, bed.page,
                         [&] { asked = true; });
        models.unload();
        QTRY_VERIFY(asked);
        models.decide(app::InterruptionChoice::WhenFinished);
        auto* state = bed.find<QLabel>("model-state");
        QVERIFY2(state->text().startsWith(QStringLiteral("Waits")), qPrintable(state->text()));
        models.cancelLoad();
        QVERIFY2(state->text().startsWith(QStringLiteral("Loaded")), qPrintable(state->text()));
    }

    /// A hash is 64 characters without a place where a line could end.
    void hashesScrollNothingSideways() {
        Bed bed;
        const QString name =
            QStringLiteral("A-model-with-a-rather-long-name-Q4_K_M-00001-of-00002");
        const QString path = bed.at("models/") + name + QStringLiteral(".gguf");
        QVERIFY(placeGguf(path));
        QVERIFY(bed.open());
        bed.desktop->window().resize(900, 640);
        bed.page->select(path);
        bed.desktop->application().library().computeHashes(path);
        auto* hash = bed.find<QLabel>("model-hash");
        QTRY_COMPARE(hash->text().size(), 64);
        const auto* overview = bed.page->findChild<ui::ModelOverview*>();
        QTRY_VERIFY(hash->width() < hash->sizeHint().width());
        QCOMPARE(overview->horizontalScrollBar()->maximum(), 0);
        auto* copy = bed.find<QPushButton>("model-copy-hash");
        QVERIFY(copy->isVisible());
        QVERIFY(!copy->visibleRegion().isEmpty());
        copy->click();
        QCOMPARE(QGuiApplication::clipboard()->text(), hash->text());

        bed.page->card().showTab(3);
        auto* files = bed.find<QTableWidget>("model-files");
        QTRY_COMPARE(files->horizontalHeader()->length(), files->viewport()->width());
        QVERIFY(files->columnWidth(2) >=
                files->fontMetrics().horizontalAdvance(QStringLiteral("01234567…01234567")));
        QCOMPARE(files->item(0, 2)->toolTip(), hash->text());
        QVERIFY(files->item(0, 0)->toolTip().contains(name));
    }

    void aHashIsNotPromisedForEver() {
        Bed bed;
        const QString path = bed.at("models/gone.gguf");
        QVERIFY(placeGguf(path));
        QVERIFY(bed.open());
        app::LibraryController& library = bed.desktop->application().library();
        QVERIFY(library.card(path) != nullptr);
        bed.page->select(path);
        auto* hash = bed.find<QLabel>("model-hash");
        QCOMPARE(hash->text(), QStringLiteral("not known"));
        QFile::remove(path);
        library.computeHashes(path);
        QCOMPARE(hash->text(), QStringLiteral("being computed"));
        QTRY_COMPARE(hash->text(), QStringLiteral("not known"));
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

    void aNoteSurvivesTheEndOfTheProgram() {
        Bed bed;
        QVERIFY(bed.open());
        bed.page->select(bed.at("models/tiny"));
        bed.find<QPlainTextEdit>("model-note")->setPlainText(QStringLiteral("half a word"));
        bed.desktop.reset(); // at once
        QVERIFY(bed.open());
        bed.page->select(bed.at("models/tiny"));
        QCOMPARE(bed.find<QPlainTextEdit>("model-note")->toPlainText(),
                 QStringLiteral("half a word"));
    }

    void req36_overridesShowABadgeAndNewAnswersUseThem() {
        Bed bed;
        QVERIFY(bed.open());
        const QString path = bed.at("models/DeepSeek-R1-Distill-Qwen-7B.gguf");
        bed.page->select(path);
        auto* badge = bed.find<QLabel>("defaults-badge");
        auto* reset = bed.find<QPushButton>("defaults-reset");
        const QString asPublished = badge->text();
        QVERIFY(!reset->isVisibleTo(bed.page));
        bed.find<QDoubleSpinBox>("defaults-temperature")->setValue(1.25);
        bed.find<QPlainTextEdit>("defaults-prompt")->setPlainText(QStringLiteral("Be brief."));
        app::LibraryController& library = bed.desktop->application().library();
        QTRY_VERIFY(library.defaultsOf(path).sampling.has_value());
        QVERIFY(badge->text() != asPublished);

        QVERIFY(bed.desktop->load(path));
        bed.desktop->window().showPage(ui::PageId::Chat);
        QVERIFY(bed.desktop->ask(QStringLiteral("Hello")));
        engine::Request request = bed.engine->submitted().back();
        QCOMPARE(request.sampler.temperature, 1.25F);
        QCOMPARE(request.messages.front().role, std::string("system"));
        QCOMPARE(request.messages.front().content, std::string("Be brief."));

        reset->click();
        QCOMPARE(badge->text(), asPublished);
        QVERIFY(library.defaultsOf(path).isEmpty());
        QVERIFY(bed.desktop->ask(QStringLiteral("Again")));
        request = bed.engine->submitted().back();
        QCOMPARE(request.messages.front().role, std::string("user"));
        QVERIFY(request.sampler.temperature != 1.25F);
    }

    void aModelsOwnKvAndContextGoBeforeTheSettings() {
        Bed bed;
        QVERIFY(bed.open());
        app::ModelDefaults defaults;
        defaults.kv = QStringLiteral("bf16");
        defaults.contextTokens = 1024;
        bed.desktop->application().library().setDefaults(bed.at("models/tiny"), defaults);
        bed.page->select(bed.at("models/tiny"));
        bed.find<QPushButton>("model-load")->click();
        QTRY_VERIFY(!bed.engine->loads().empty());
        const engine::LoadRequest request = bed.engine->loads().back();
        QCOMPARE(request.formats.kv, engine::KvFormat::BF16);
        QCOMPARE(request.context, 1024U);
        QTRY_VERIFY(bed.find<QPushButton>("model-eject")->isVisible());
        // They stay that model's own.
        QCOMPARE(bed.desktop->application().settings().values().kv, QString());
    }

    void whatFitsIsShownAndLoadedLikeThat() {
        Bed bed;
        QVERIFY(bed.open());
        bed.page->select(bed.at("models/DeepSeek-R1-Distill-Qwen-7B.gguf"));
        bed.page->card().showTab(1);
        auto* cells = bed.find<QTableWidget>("fit-cells");
        QTRY_COMPARE_WITH_TIMEOUT(cells->rowCount(), 3, 20'000);
        const auto basis = [&] { return bed.find<QLabel>("fit-basis")->text(); };
        auto* measure = bed.find<QPushButton>("fit-measure");
        QTRY_COMPARE_WITH_TIMEOUT(measure->text(), QStringLiteral("Stop measuring"), 20'000);
        measure->click();
        QTRY_COMPARE_WITH_TIMEOUT(measure->text(), QStringLiteral("Measure now"), 20'000);
        QVERIFY2(basis().contains(QStringLiteral("it was stopped")), qPrintable(basis()));
        bed.page->card().fits().choose(2, 0);
        QVERIFY(bed.find<QLabel>("fit-bytes")->text().contains(QStringLiteral("CPU")));
        auto* load = bed.find<QPushButton>("fit-load");
        QVERIFY(load->isEnabled());
        load->click();
        QTRY_VERIFY(!bed.engine->loads().empty());
        const engine::LoadRequest request = bed.engine->loads().back();
        QCOMPARE(request.formats.weights, engine::WeightFormat::Int4);
        QCOMPARE(request.device, std::string("cpu"));
        QCOMPARE(int(request.context), bed.page->card().fits().table().contexts.first());
        QVERIFY(request.slotCount > 0);
    }

    void aSmallerFileIsMadeAndShown() {
        Bed bed;
        QVERIFY(bed.open());
        bed.page->select(bed.at("models/tiny"));
        bed.page->card().showTab(2);
        auto* make = bed.find<QPushButton>("convert-int8");
        QVERIFY(make->isEnabled());
        make->click();
        const QString out = bed.at("models/tiny-INT8.gguf");
        QTRY_VERIFY(QFile::exists(out));
        app::LibraryController& library = bed.desktop->application().library();
        QTRY_VERIFY_WITH_TIMEOUT(library.card(out) != nullptr, 10'000);
        QVERIFY(
            bed.find<QLabel>("convert-state")->text().contains(QStringLiteral("tiny-INT8.gguf")));
        QVERIFY(!bed.find<QPushButton>("quality-measure")->isEnabled()); // no tokenizer
    }

    void eachCardOffersItsOwnSmallerFile() {
        Bed bed;
        QVERIFY(placeFolder(bed.at("models/tiny-chat")));
        QVERIFY(bed.open());
        app::LibraryController& library = bed.desktop->application().library();
        auto* make = bed.find<QPushButton>("convert-int8");
        for (const char* name : {"models/tiny", "models/tiny-chat"}) {
            bed.page->select(bed.at(name));
            bed.page->card().showTab(2);
            QTRY_VERIFY(make->isEnabled());
            make->click();
            const QString out = bed.at(name) + QStringLiteral("-INT8.gguf");
            QTRY_VERIFY_WITH_TIMEOUT(library.card(out) != nullptr, 10'000);
        }
        bed.page->select(bed.at("models/tiny"));
        auto* show = bed.find<QPushButton>("convert-show");
        QVERIFY(show->isVisible());
        show->click();
        QCOMPARE(bed.find<QLabel>("model-name")->text(),
                 library.card(bed.at("models/tiny-INT8.gguf"))->name);
        QVERIFY(!show->isVisible()); // nothing was made of this one
    }

    void aMeasurementIsToldOnItsOwnCardAlone() {
        Bed bed;
        const QString measured = bed.at("models/DeepSeek-R1-Distill-Qwen-7B.gguf");
        const QString other = bed.at("models/other.gguf");
        QVERIFY(placeGguf(other));
        QVERIFY(bed.open());
        app::QualityController& quality = bed.desktop->application().quality();
        auto* measure = bed.find<QPushButton>("quality-measure");
        auto* cancel = bed.find<QPushButton>("quality-cancel");
        auto* state = bed.find<QLabel>("quality-state");
        bed.page->select(other);
        bed.page->card().showTab(2);
        QVERIFY(measure->isEnabled());
        quality.measure({measured, QStringLiteral("/nowhere/text"), {{measured, {}}}});
        QCOMPARE(quality.path(), measured);
        QVERIFY(!measure->isEnabled());
        QVERIFY(!cancel->isVisible());
        QCOMPARE(state->text(), QStringLiteral("Another model is being measured."));
        bed.page->select(measured);
        QVERIFY(cancel->isVisible());
        bed.page->select(other);
        QTRY_VERIFY(!quality.isRunning());
        QTest::qWait(0);
        QVERIFY2(!state->isVisible(), qPrintable(state->text()));
        bed.page->select(measured);
        QVERIFY2(state->text().contains(QStringLiteral("/nowhere/text")),
                 qPrintable(state->text()));
    }

    void headingsStandAsTheirCells() {
        Bed bed;
        QVERIFY(bed.open());
        const QString path = bed.at("models/DeepSeek-R1-Distill-Qwen-7B.gguf");
        bed.page->select(path);
        app::QualityReport report;
        report.question.path = path;
        report.rows.append({path, QStringLiteral("bf16"), 1, 1, 3, 0, 0, 1, 9});
        emit bed.desktop->application().quality().reportChanged(report);
        for (const char* name : {"model-files", "quality-table"}) {
            const auto* table = bed.find<QTableWidget>(name);
            QVERIFY(table->rowCount() > 0);
            for (int column = 0; column < table->columnCount(); ++column) {
                const QTableWidgetItem* heading = table->horizontalHeaderItem(column);
                const Qt::Alignment stands = heading->textAlignment() != 0
                                                 ? Qt::Alignment(heading->textAlignment())
                                                 : table->horizontalHeader()->defaultAlignment();
                const bool isFigure =
                    (table->item(0, column)->textAlignment() & Qt::AlignRight) != 0;
                QCOMPARE(stands.testFlag(Qt::AlignRight), isFigure);
                QCOMPARE(stands.testFlag(Qt::AlignLeft), !isFigure);
            }
        }
    }

    void factsAndDefaultsStandInTheSameColumns() {
        Bed bed;
        QVERIFY(bed.open());
        bed.page->select(bed.at("models/tiny"));
        const auto left = [&bed](const QWidget* widget) {
            return widget->mapTo(bed.page, QPoint()).x();
        };
        app::Settings& settings = bed.desktop->application().settings();
        app::SettingsValues values = settings.values();
        for (const int zoom : {100, 160, 80}) {
            values.fontZoom = zoom;
            settings.set(values);
            QTRY_COMPARE(left(bed.find<QLabel>("model-hash")),
                         left(bed.find<QDoubleSpinBox>("defaults-temperature")));
        }
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
