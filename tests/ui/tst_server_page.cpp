// The page "Server": switched on, it listens; a new key is shown once; a revoked one goes.
#include "tests/support/desktop_fixture.h"
#include "tests/support/fake_engine.h"
#include "tests/support/suite_registry.h"
#include "ui/admin/server_page.h"

#include "app/settings.h"

#include <QCheckBox>
#include <QLineEdit>
#include <QPushButton>
#include <QTableWidget>
#include <QTcpSocket>
#include <QtTest/QtTest>
#include <QUrl>

using namespace tests;

class TstServerPage : public QObject {
    Q_OBJECT

  private:
    static QByteArray ask(int port, const QByteArray& headers) {
        QTcpSocket socket;
        socket.connectToHost(QStringLiteral("127.0.0.1"), quint16(port));
        if (!socket.waitForConnected(2000))
            return {};
        socket.write("GET /v1/models HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n" +
                     headers + "\r\n");
        QByteArray all;
        while (socket.waitForReadyRead(2000))
            all += socket.readAll();
        return all.left(12);
    }

  private slots:
    void switchesTheServerAndMakesKeys() {
        FakeEngine* engine = nullptr;
        DesktopFixture desktop(fakeEngineFactory(engine));
        QVERIFY(desktop.started());
        app::Application& application = desktop.application();
        app::SettingsValues values = application.settings().values();
        values.apiPort = 0;
        application.settings().set(values);
        ui::ServerPage page(application.api(), application.settings());
        page.show();

        auto* toggle = page.findChild<QCheckBox*>(QStringLiteral("api-switch"));
        QVERIFY(!toggle->isChecked());
        toggle->click();
        QVERIFY(toggle->isChecked());
        QVERIFY(application.settings().values().apiEnabled);
        const int port = QUrl(application.api().state().url).port();
        QVERIFY(port > 0);
        QCOMPARE(ask(port, {}), QByteArray("HTTP/1.1 200"));

        auto* key = page.findChild<QLineEdit*>(QStringLiteral("api-key-text"));
        QVERIFY(!key->isVisible());
        page.findChild<QPushButton*>(QStringLiteral("api-new-key"))->click();
        QVERIFY(key->isVisible());
        const QByteArray text = key->text().toLatin1();
        QCOMPARE(ask(port, {}), QByteArray("HTTP/1.1 401"));
        QCOMPARE(ask(port, "Authorization: Bearer " + text + "\r\n"), QByteArray("HTTP/1.1 200"));
        const QList<QTableWidget*> tables = page.findChildren<QTableWidget*>();
        QCOMPARE(tables.size(), 2);
        QCOMPARE(tables.at(0)->rowCount(), 1);
        QTRY_VERIFY(tables.at(1)->rowCount() >= 3); // the log

        application.api().revokeKey(application.api().keys().first().id);
        QCOMPARE(tables.at(0)->rowCount(), 0);
        QCOMPARE(ask(port, {}), QByteArray("HTTP/1.1 200")); // no key: only this computer asks
        toggle->click();
        QCOMPARE(ask(port, {}), QByteArray());
        QVERIFY(!application.settings().values().apiEnabled);
    }

    void theNetworkNeedsAKey() {
        FakeEngine* engine = nullptr;
        DesktopFixture desktop(fakeEngineFactory(engine));
        app::Application& application = desktop.application();
        app::SettingsValues values = application.settings().values();
        values.apiPort = 0;
        values.apiHost = QStringLiteral("0.0.0.0");
        application.settings().set(values);
        ui::ServerPage page(application.api(), application.settings());
        QSignalSpy failed(&application.api(), &app::ApiController::failed);
        auto* toggle = page.findChild<QCheckBox*>(QStringLiteral("api-switch"));
        toggle->click();
        QCOMPARE(failed.size(), 1);
        QVERIFY(!toggle->isChecked());
        application.api().createKey(QStringLiteral("one"));
        toggle->click();
        QVERIFY(toggle->isChecked());
        // Without its last key it does not stay open to the network.
        application.api().revokeKey(application.api().keys().first().id);
        QVERIFY(!toggle->isChecked());
        QCOMPARE(application.api().state().phase, app::ApiPhase::Off);
    }
};

INGLENOOK_SUITE(server_page, TstServerPage)
#include "tst_server_page.moc"
