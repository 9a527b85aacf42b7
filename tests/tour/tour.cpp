// The tour: drives the real windows over the real engine and the built-in model and saves a PNG of
// every page, light and dark, English and Chinese. usage: inglenook_tour OUT_DIR [MODEL]
// or, of the pages that show a device at work (device_tour.h):
// inglenook_tour --device cuda OUT_DIR [SHAPE|MODEL]. (offscreen: QT_QPA_PLATFORM=offscreen)
#include "app/agents/agent_controller.h"
#include "app/download/download_controller.h"
#include "app/download/starter_models.h"
#include "app/library/library_controller.h"
#include "app/library/quality_controller.h"
#include "app/library/roofline_controller.h"
#include "app/paths.h"
#include "app/session/chat_controller.h"
#include "app/session/conversation_list_controller.h"
#include "app/session/model_controller.h"
#include "app/settings.h"
#include "app/telemetry/telemetry_controller.h"
#include "engine/runtime/engine.h"
#include "tests/support/desktop_fixture.h"
#include "tests/support/hub_server.h"
#include "tests/tour/device_tour.h"
#include "tests/tour/pictures.h"
#include "ui/admin/model_card_view.h"
#include "ui/admin/model_fits_view.h"
#include "ui/admin/models_page.h"
#include "ui/admin/setting_control.h"
#include "ui/admin/setting_row.h"
#include "ui/admin/settings_page.h"
#include "ui/agents/agent_editor.h"
#include "ui/agents/agents_page.h"
#include "ui/agents/lane_view.h"
#include "ui/agents/run_form.h"
#include "ui/agents/run_view.h"
#include "ui/chat/chat_page.h"
#include "ui/chat/chat_tabs.h"
#include "ui/chat/chat_view.h"
#include "ui/chat/composer.h"
#include "ui/chat/find_bar.h"
#include "ui/chat/model_picker.h"
#include "ui/chat/sidebar.h"
#include "ui/chat/transcript.h"
#include "ui/dashboard/alert_rules_dialog.h"
#include "ui/dashboard/dashboard_page.h"
#include "ui/dashboard/requests_page.h"
#include "ui/download/connection_dialog.h"
#include "ui/main_window.h"
#include "ui/shortcuts_dialog.h"

#include <algorithm>
#include <cstdio>
#include <QApplication>
#include <QComboBox>
#include <QDir>
#include <QLineEdit>
#include <QListWidget>
#include <QMenu>
#include <QPushButton>
#include <QScrollArea>
#include <QScrollBar>
#include <QToolButton>
#include <QtTest/QtTest>

namespace {

using tests::Look;

class Tour {
  public:
    Tour(tests::DesktopFixture& fixture, const QString& outDir)
        : m_fixture(fixture), m_pictures(fixture, outDir) {}

    bool run(const QString& model) {
        return welcomeWithoutModel() && m_fixture.load(model) && talk() && showAll();
    }

  private:
    bool welcomeWithoutModel() {
        m_fixture.window().show();
        save(QStringLiteral("welcome-no-model-en-light"));
        return true;
    }

    /// Some conversations in both languages, so that the sidebar and the search have something to
    /// show.
    bool talk() {
        const QStringList first = {QStringLiteral("Which keyboard shortcuts are there?"),
                                   QStringLiteral("How do I quantize a model file?")};
        const QStringList others = {QStringLiteral("什么是 KV 缓存？"),
                                    QStringLiteral("Why is the cloud so busy?"),
                                    QStringLiteral("INT8 和 INT4 该选哪个？")};
        for (const QString& question : others) {
            if (!m_fixture.ask(question))
                return fail("no answer came");
            m_fixture.window().chatPage().newChat();
        }
        for (const QString& question : first)
            if (!m_fixture.ask(question))
                return fail("no answer came");
        m_conversation = m_fixture.window().chatPage().chat().conversationId();
        return true;
    }

    bool showAll() {
        const QList<Look>& looks = tests::looks();
        return std::all_of(looks.begin(), looks.end(),
                           [this](const Look& look) { return show(look); });
    }

    bool show(const Look& look) {
        m_pictures.wear(look);
        ui::ChatPage& page = m_fixture.window().chatPage();
        page.openConversation(m_conversation);
        if (!tests::waitUntil([&] { return page.view().transcript().messageCount() > 0; }, 5000))
            return fail("the conversation did not open");
        save(QStringLiteral("chat-") + look.name);

        page.view().openFind();
        auto* words = page.view().findChild<ui::FindBar*>()->findChild<QLineEdit*>();
        words->setText(QStringLiteral("Ctrl"));
        save(QStringLiteral("find-") + look.name);
        words->clear();
        QTest::keyClick(words, Qt::Key_Escape);

        search(page, look);
        page.newChat();
        save(QStringLiteral("welcome-") + look.name);

        tabs(page, look);
        for (const ui::PageSpec& spec : ui::pageSpecs())
            if (spec.id != ui::PageId::Chat)
                savePage(spec, look);
        agents(look);
        m_fixture.window().showPage(ui::PageId::Chat);
        // Now that the library knows some models.
        saveMenu(page.view().composer().modelButton(), QStringLiteral("picker-") + look.name);
        saveMenu(page.view().composer().weightsButton(), QStringLiteral("weights-") + look.name);
        m_fixture.window().raiseBanner(
            QStringLiteral("tour"),
            look.isEnglish()
                ? QStringLiteral(
                      "The disk is full: free some space; nothing that was saved is lost.")
                : QStringLiteral("磁盘已满：请清理一些空间；已保存的内容没有丢失。"));
        save(QStringLiteral("banner-") + look.name);
        m_fixture.window().clearBanner(QStringLiteral("tour"));

        ui::ShortcutsDialog dialog(&m_fixture.window());
        dialog.show();
        QTest::qWait(100);
        return grab(&dialog, QStringLiteral("shortcuts-") + look.name);
    }

    /// Further sections, and the bar of what reloads the model.
    void showSettings(ui::SettingsPage& page, const Look& look) {
        for (const auto& [section, name] : {std::pair(app::SettingSection::Admission, "admission"),
                                            std::pair(app::SettingSection::Caches, "caches"),
                                            std::pair(app::SettingSection::Privacy, "privacy")}) {
            page.showSection(section);
            save(QStringLiteral("settings-%1-%2").arg(QLatin1String(name), look.name));
        }
        page.showSection(app::SettingSection::Engine);
        auto* weights =
            qobject_cast<QComboBox*>(page.row(QStringLiteral("weights"))->control().editor());
        weights->setCurrentIndex(weights->findData(QStringLiteral("int4")));
        save(QStringLiteral("settings-reload-") + look.name);
        page.discard();
    }

    /// Pages that show what runs are taken while an answer is being written.
    void savePage(const ui::PageSpec& spec, const Look& look) {
        const bool isLive = spec.id == ui::PageId::Dashboard || spec.id == ui::PageId::Requests;
        if (isLive) {
            m_fixture.ask(QStringLiteral("What can you do?"));
            m_fixture.ask(QStringLiteral("Which keyboard shortcuts are there?"), false);
        }
        m_fixture.window().showPage(spec.id);
        if (auto* settings =
                qobject_cast<ui::SettingsPage*>(m_fixture.window().pageWidget(spec.id)))
            showSettings(*settings, look);
        if (isLive) {
            QTest::qWait(700); // one more look of the telemetry
            const auto requests = m_fixture.application().telemetry().latest().requests;
            auto* page = qobject_cast<ui::RequestsPage*>(m_fixture.window().pageWidget(spec.id));
            if (page != nullptr && !requests.isEmpty())
                page->select(requests.first().id);
        }
        if (auto* page = qobject_cast<ui::DashboardPage*>(m_fixture.window().pageWidget(spec.id))) {
            page->setRangeIndex(0);
            save(QStringLiteral("dashboard-") + look.name);
            QScrollBar* bar = page->findChild<QScrollArea*>()->verticalScrollBar();
            bar->setValue(bar->maximum());
            save(QStringLiteral("dashboard-more-") + look.name);
            bar->setValue(0);
        } else {
            save(spec.key + QLatin1Char('-') + look.name);
        }
        if (auto* page = qobject_cast<ui::ModelsPage*>(m_fixture.window().pageWidget(spec.id)))
            saveModels(*page, look);
        if (isLive)
            m_fixture.waitForIdle();
    }

    /// The card's tabs, a model that could not be used, and one of another folder.
    void saveModels(ui::ModelsPage& page, const Look& look) {
        app::LibraryController& library = m_fixture.application().library();
        const QString goldens = QStringLiteral(INGLENOOK_SOURCE_DIR "/tests/fixtures/goldens");
        const QString broken = m_fixture.paths().modelsDir() + QStringLiteral("/half-a-model.gguf");
        if (library.folders().size() < 2) {
            QDir().mkpath(m_fixture.paths().modelsDir());
            QFile file(broken);
            if (file.open(QIODevice::WriteOnly))
                file.write("GGUF, but the download ended here");
            file.close();
            library.addFolder(goldens);
            tests::waitUntil([&] { return library.cards().size() > 3; }, 20000);
            library.setFavourite(app::builtInModelPath(), true);
        }
        page.select(app::builtInModelPath());
        tests::waitUntil([&] { return !library.cards().first().files.first().sha256.isEmpty(); },
                         8000);
        save(QStringLiteral("models-") + look.name);
        page.card().showTab(1);
        tests::waitUntil(
            [&] {
                const app::FitTable& table = page.card().fits().table();
                return !table.cells.isEmpty() && table.cells.first().tokensPerSecond > 0;
            },
            40000);
        save(QStringLiteral("models-fits-") + look.name);
        page.card().showTab(2);
        app::QualityController& quality = m_fixture.application().quality();
        quality.measure({app::builtInModelPath(),
                         {},
                         {{app::builtInModelPath(), QStringLiteral("int8")},
                          {app::builtInModelPath(), QStringLiteral("int4")}}});
        tests::waitUntil([&] { return !quality.isRunning(); }, 60000);
        save(QStringLiteral("models-quality-") + look.name);
        page.card().showTab(3);
        save(QStringLiteral("models-files-") + look.name);
        page.card().showTab(5);
        app::RooflineController& rooflines = m_fixture.application().rooflines();
        page.select(goldens + QStringLiteral("/qwen2-tied")); // which is never measured
        save(QStringLiteral("models-speed-none-") + look.name);
        page.select(app::builtInModelPath());
        rooflines.measure({app::builtInModelPath(), QStringLiteral("cpu"), {}, {}, {}});
        tests::waitUntil([&] { return !rooflines.isRunning(); }, 60000);
        save(QStringLiteral("models-speed-") + look.name);
        page.card().showTab(0);
        page.select(broken);
        save(QStringLiteral("models-unusable-") + look.name);
        page.select(goldens + QStringLiteral("/qwen2-tied"));
        save(QStringLiteral("models-other-") + look.name);
        getModels(page, look);
    }

    /// Where models come from, with a hub of our own behind it.
    void getModels(ui::ModelsPage& page, const Look& look) {
        const app::StarterModel& model = app::starterModels().first();
        QByteArray files;
        for (const auto& [format, bytes] :
             QList<QPair<QByteArray, QByteArray>>{{"Q2_K", "752880000"},
                                                  {"Q4_K_M", "1117320000"},
                                                  {"Q8_0", "1894530000"},
                                                  {"BF16", "3560410000"},
                                                  {"F32", "998877665544"}})
            files += (files.isEmpty() ? "" : ",") + QByteArray("{\"rfilename\":\"model-") + format +
                     ".gguf\",\"size\":" + bytes + "}";
        m_hub.serveText(QStringLiteral("/api/models/%1/revision/main").arg(model.repository),
                        "{\"sha\":\"" + QByteArray(40, 'a') +
                            "\",\"cardData\":{\"license\":\"mit\"},\"siblings\":[" + files + "]}");
        app::SettingsValues values = m_fixture.application().settings().values();
        values.downloads.huggingFace = m_hub.endpoint();
        values.downloads.proxy = QStringLiteral("none");
        m_fixture.application().settings().set(values);
        page.showSection(1);
        save(QStringLiteral("get-models-") + look.name);
        auto* list = page.findChild<QListWidget*>(QStringLiteral("download-models"));
        list->setCurrentRow(0);
        emit list->itemClicked(list->item(0));
        auto* button = page.findChild<QPushButton*>(QStringLiteral("download-button"));
        tests::waitUntil([&] { return button->isVisible(); }, 5000);
        button->click(); // what the hub does not have: a sentence
        tests::waitUntil([&] { return !m_fixture.application().downloads().jobs().isEmpty(); },
                         5000);
        QTest::qWait(300);
        save(QStringLiteral("get-models-files-") + look.name);
        ui::ConnectionDialog dialog(m_fixture.application().downloads(),
                                    m_fixture.application().settings(), &m_fixture.window());
        dialog.show();
        QTest::qWait(100);
        grab(&dialog, QStringLiteral("get-models-connection-") + look.name);
        ui::AlertRulesDialog alerts(m_fixture.application().alerts(), &m_fixture.window());
        alerts.QDialog::show();
        QTest::qWait(100);
        grab(&alerts, QStringLiteral("alerts-") + look.name);
        page.showSection(0);
    }

    /// Three chats in tabs: one was answered while nobody looked, one answers, one is being
    /// written.
    void tabs(ui::ChatPage& page, const Look& look) {
        const bool english = look.isEnglish();
        m_fixture.ask(english ? QStringLiteral("What is a tab?") : QStringLiteral("什么是标签页？"),
                      false);
        page.tabs().newTab();
        tests::waitUntil(
            [&] { return m_fixture.application().conversations().busyTitles().isEmpty(); }, 60000);
        m_fixture.ask(english ? QStringLiteral("How do I quantize a model file?")
                              : QStringLiteral("怎样量化模型文件？"),
                      false);
        tests::waitUntil([&] { return page.chat().progress().generatedTokens > 0; }, 10000);
        page.tabs().newTab();
        page.view().composer().setText(english ? QStringLiteral("And then")
                                               : QStringLiteral("然后"));
        page.tabs().step(-1);
        grab(&m_fixture.window(), QStringLiteral("tabs-") + look.name); // before the answer ends
        while (page.tabs().count() > 1)
            page.tabs().closeTab(page.tabs().count() - 1);
        tests::waitUntil(
            [&] { return m_fixture.application().conversations().busyTitles().isEmpty(); }, 60000);
    }

    void agents(const Look& look) {
        const bool english = look.isEnglish();
        m_fixture.window().showPage(ui::PageId::Agents);
        auto* page =
            qobject_cast<ui::AgentsPage*>(m_fixture.window().pageWidget(ui::PageId::Agents));
        page->newRun();
        page->form().setOrder(
            english ? QStringLiteral("Which weights should I choose, INT8 or INT4?")
                    : QStringLiteral("INT8 和 INT4 该选哪个？"),
            english ? QStringLiteral("The computer has two cores and 8 GB of memory.")
                    : QStringLiteral("这台计算机有两个核心和 8 GB 内存。"));
        save(QStringLiteral("agents-form-") + look.name);
        emit page->form().startRequested(page->form().order());
        tests::waitUntil([&] { return page->view().lanes().size() == 3; }, 10000);
        tests::waitUntil([&] { return page->view().lanes().last()->lane().generatedTokens > 10; },
                         20000);
        m_fixture.application().agents().pause(page->view().lanes().first()->lane().conversation);
        save(QStringLiteral("agents-run-") + look.name);
        m_fixture.application().agents().resume(page->view().lanes().first()->lane().conversation);
        tests::waitUntil(
            [&] {
                return page->view().closing() != nullptr &&
                       page->view().closing()->lane().state == app::LaneState::Done;
            },
            120000);
        save(QStringLiteral("agents-closed-") + look.name);
        ui::AgentEditor editor(m_fixture.application().agents(), &m_fixture.window());
        editor.setAttribute(Qt::WA_DeleteOnClose, false);
        editor.show();
        QTest::qWait(100);
        grab(&editor, QStringLiteral("agents-editor-") + look.name);
    }

    void search(ui::ChatPage& page, const Look& look) {
        auto* field = page.sidebar().findChild<QLineEdit*>();
        field->setText(look.isEnglish() ? QStringLiteral("quantize") : QStringLiteral("缓存"));
        QTest::qWait(500);
        save(QStringLiteral("search-") + look.name);
        field->clear();
        QTest::qWait(200);
    }

    void saveMenu(QToolButton* button, const QString& name) {
        if (button->menu() == nullptr)
            return;
        button->menu()->popup(QPoint(40, 40));
        QTest::qWait(100);
        grab(button->menu(), name);
        button->menu()->hide();
    }

    void save(const QString& name) { m_pictures.save(name); }
    bool grab(QWidget* widget, const QString& name) { return m_pictures.grab(widget, name); }

    static bool fail(const char* what) {
        std::fprintf(stderr, "tour: %s\n", what);
        return false;
    }

    tests::DesktopFixture& m_fixture;
    tests::Pictures m_pictures;
    tests::HubServer m_hub;
    app::ConversationId m_conversation = 0;
};

/// `inglenook_tour --device DEVICE OUT_DIR [SHAPE]`
int runDeviceTour(tests::DesktopFixture& fixture, const QStringList& arguments) {
    const QString shape = arguments.value(4, QStringLiteral("qwen2-1.5b"));
    return tests::DeviceTour(fixture, arguments[3]).run(arguments[2], shape) ? 0 : 1;
}

} // namespace

int main(int argc, char** argv) {
    QApplication application(argc, argv);
    const QStringList arguments = application.arguments();
    const bool isOfDevice = arguments.value(1) == QLatin1String("--device");
    if (arguments.size() < (isOfDevice ? 4 : 2)) {
        std::fprintf(stderr, "usage: inglenook_tour OUT_DIR [MODEL]\n"
                             "       inglenook_tour --device DEVICE OUT_DIR [SHAPE|MODEL]\n");
        return 2;
    }
    const QString folder = arguments[isOfDevice ? 3 : 1];
    QDir().mkpath(folder);
    const QString model = arguments.value(2, app::builtInModelPath());
    tests::DesktopFixture fixture([] { return engine::createEngine({}); });
    if (!fixture.started() || model.isEmpty()) {
        std::fprintf(stderr, "tour: the program did not start or there is no model\n");
        return 1;
    }
    if (isOfDevice)
        return runDeviceTour(fixture, arguments);
    return Tour(fixture, folder).run(model) ? 0 : 1;
}
